import Air
import ArgumentParser
import Foundation
import LinuxPlatform
import LoRa
import Simulation

/// `cairn-simulate air`: LoRa modules on pseudo-terminals, chips behind sockets, and the air between them.
struct AirCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "air",
    abstract: "Plays LoRa modules and chips in one simulated air, until it is ended.",
    discussion: """
      A radio is NAME:KIND:PATH@LATITUDE,LONGITUDE[,HEIGHT], where KIND is one of \(AirOption.kinds). An agent opens \
      PATH as its radio: a module is a pseudo-terminal; of a chip it is the SPI bus's socket, and its lines are beside \
      it. \
      NAME:every=SECONDS@LATITUDE,LONGITUDE is a LoRaWAN device that only sends. Each frame is told with who heard \
      it, and how. Ends on SIGINT or SIGTERM, and removes its links (docs/simulation.md).
      """)

  @Argument(help: "Stations, at least one.")
  var stations: [String]

  @Option(
    help: """
      How signals get weaker: \(PathLossOption.allCases.map(\.rawValue).joined(separator: ", ")).
      """)
  var pathLoss = "suburban"

  @Option(help: "Deviation of each pair's loss from the model, in decibels.")
  var shadowing = 6.0

  @Option(help: "Deviation of each frame from the next, in decibels.")
  var fading = 1.0

  @Option(help: "Region of the devices that only send: their channels.")
  var region = "EU868"

  @Option(help: "Decides shadows, losses and devices.")
  var seed: UInt64 = 1

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func validate() throws {
    guard !stations.isEmpty else { throw ValidationError("an air needs a station") }
    for text in stations { _ = try Self.option(text) }
    guard PathLossOption(rawValue: pathLoss) != nil else {
      throw ValidationError("--path-loss is not \(pathLoss)")
    }
    guard (0...20).contains(shadowing), (0...20).contains(fading) else {
      throw ValidationError("--shadowing and --fading are from 0 to 20")
    }
    guard RegionPlan.Region(name: Array(region.utf8).span) != nil else {
      throw ValidationError("--region: there is no plan of \(region)")
    }
  }

  private static func option(_ text: String) throws -> AirOption {
    do { return try AirOption(text) } catch { throw ValidationError("\(text): \(error)") }
  }

  func run() throws {
    // First, so that a signal never leaves a link behind.
    let signals = try TerminationSignals()
    DemoSystem.ignoreBrokenPipes()
    let output = RunOutput(isJSON: json)
    defer { output.finish() }
    let course = AirCourse(self, output: output)
    for text in stations { try course.add(try Self.option(text)) }
    try course.run(until: signals)
  }

  var medium: Medium {
    let model = PathLossOption(rawValue: pathLoss) ?? .suburban
    var medium = Medium(
      seed: seed, pathLoss: model.pathLoss(shadowingDecibels: shadowing), fadingDecibels: fading,
      readingDecibels: 0.5)
    medium.tellsMisses = true
    return medium
  }

  /// Of the devices that only send.
  var frequenciesHertz: [UInt32] {
    guard let region = RegionPlan.Region(name: Array(region.utf8).span) else { return [] }
    let plan = RegionPlan(region)
    return (0..<plan.channelCount).compactMap { plan.frequencyHertz(channel: $0) }
  }
}

/// An air that goes on.
private final class AirCourse {
  /// A module's line; a class, since arrays hold no noncopyable values.
  private final class Line {
    var terminal: ModuleTerminal
    init(_ terminal: consuming ModuleTerminal) { self.terminal = terminal }
  }

  private let command: AirCommand
  private let output: RunOutput
  private let air: ModuleAir
  private var names: [String] = []
  private var lines: [Line] = []
  private var chips: [ChipSockets] = []
  private var devices: [AirDevice] = []
  private var frames: [DemoAirFrame] = []

  init(_ command: AirCommand, output: RunOutput) {
    self.command = command
    self.output = output
    air = ModuleAir(command.medium)
  }

  func add(_ option: AirOption) throws {
    let seed = command.seed &+ UInt64(names.count)
    let station = AirStation(place: option.place)
    names.append(option.name)
    switch option.kind {
    case .module(let kind, let path):
      let model = kind.model(seed: seed)
      air.attach(model, station)
      lines.append(Line(try ModuleTerminal(model: model, path: path)))
      output.show(DemoLine.wrapped(label: option.name, "\(kind.rawValue) at \(path)"))
    case .chip(let kind, let path):
      let model = kind.model(seed: seed)
      air.attach(model, station)
      chips.append(try ChipSockets(model: model, path: path, clock: { DemoSystem.milliseconds }))
      output.show(
        DemoLine.wrapped(
          label: option.name,
          "\(kind.rawValue) at \(path), lines at \(ChipSockets.linesPath(path))"))
    case .device(let seconds):
      devices.append(
        AirDevice(
          station: air.add(station), everySeconds: seconds,
          frequenciesHertz: command.frequenciesHertz, seed: seed, now: DemoSystem.milliseconds))
      output.show(DemoLine.wrapped(label: option.name, "sends every \(seconds) s"))
    }
  }

  func run(until signals: borrowing TerminationSignals) throws {
    while try signals.next() == nil {
      let now = DemoSystem.milliseconds
      for line in lines { try line.terminal.turn(now: now) }
      for chip in chips { chip.turn() }
      var begun: [ModuleAir.Begun] = []
      for index in devices.indices {
        // A device that comes too late, or is sending still, leaves its frame out.
        guard let frame = devices[index].frame(now: now) else { continue }
        do throws(Medium.Refusal) { begun.append(try air.transmit(frame)) } catch { continue }
      }
      let turn = air.turn(now: now)
      for chip in chips { chip.tellEdges() }
      take(begun + turn.begun, turn.told, now)
      var poller = Poller()
      _ = poller.watch(signals.pollDescriptor)
      var due = min(now + 500, air.nextMilliseconds ?? .max)
      for device in devices { due = min(due, device.nextMilliseconds) }
      for line in lines {
        _ = poller.watch(line.terminal.pollDescriptor)
        due = min(due, now + (line.terminal.millisecondsToNextChange(now: now) ?? 500))
      }
      for chip in chips {
        for descriptor in chip.descriptors { _ = poller.watch(descriptor) }
        due = min(due, now + (chip.millisecondsToNextChange(now: now) ?? 500))
      }
      _ = try poller.wait(milliseconds: max(0, due - DemoSystem.milliseconds))
    }
  }

  private func take(_ begun: [ModuleAir.Begun], _ told: [ModuleAir.Told], _ now: Int64) {
    let stations = air.medium.stations
    for one in begun {
      let sender = one.transmission.sender
      frames.append(
        DemoAirFrame(
          number: one.number, sender: names[sender], transmission: one.transmission,
          receivers: names.indices.filter { place in
            place != sender && !devices.contains { $0.station == place }
          }.map {
            let metres = stations[sender].place.distanceMetres(to: stations[$0].place)
            return (name: names[$0], distanceMetres: Int64(metres.rounded()))
          }))
    }
    for one in told {
      let (number, receiver) =
        switch one.event {
        case .heard(let reception): (reception.transmissionNumber, reception.receiver)
        case .missed(let miss): (miss.transmissionNumber, miss.receiver)
        }
      guard let index = frames.firstIndex(where: { $0.number == number }) else { continue }
      frames[index].take(one, at: names[receiver])
    }
    let bound = (now - RunCoverage.settledMilliseconds) * 1_000
    for var frame in frames where frame.transmission.endMicroseconds <= bound {
      for other in frames { frame.take(sending: other) }
      output.show(frame.lines())
      output.tell("air", frame.members)
    }
    frames.removeAll { $0.transmission.endMicroseconds <= bound }
  }
}
