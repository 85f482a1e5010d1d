import Air
import Foundation
import Simulation

/// One virtual board of a run: chips on a bus, lines, a satellite receiver, a LoRa module or chip.
final class RunBoard {
  enum Failure: Error, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case notServed(path: String, reason: String)

    var description: String {
      switch self {
      case .unreadable(let path, let reason): "\(path): \(reason)"
      case .notServed(let path, let reason): "can't serve \(path): \(reason)"
      }
    }
  }

  /// Positions a second: a fast receiver ties the clock more closely than a usual one.
  static let epochMilliseconds: Int64 = 100

  let node: DemoNode
  let board: VirtualBoard
  /// Its number in the air.
  let station: Int
  private let lines: VirtualLines
  private let lineServer: VirtualGPIOServer
  private var receiver: GNSSReplay?
  private var module: ModuleTerminal?
  private var chip: ChipSockets?
  private var nextEpochMilliseconds: Int64

  init(
    _ node: DemoNode, paths: RunFolder.Node, surroundings: WeatherReplay,
    recording: GNSSRecording, server: VirtualBoardServer, air: ModuleAir, seed: UInt64
  ) throws(Failure) {
    let now = DemoSystem.milliseconds
    self.node = node
    board = VirtualBoard(surroundings: surroundings, seed: seed, now: now)
    // The receiver's epochs are whole tenths of a second of UTC.
    nextEpochMilliseconds =
      now + Self.epochMilliseconds - DemoSystem.utcMilliseconds % Self.epochMilliseconds
    lines = VirtualLines(seed: seed, now: now)
    let model: any AirRadio = node.hasChip ? SX126xModel(seed: seed) : RAK3172Model(seed: seed)
    station = air.attach(model, node.station)
    do throws(VirtualGPIOServer.Failure) {
      lineServer = try VirtualGPIOServer(lines.chip, at: paths.gpio)
    } catch {
      throw .notServed(path: paths.gpio, reason: "\(error)")
    }
    do throws(VirtualBoardServer.Failure) {
      try server.add(board.bus, at: paths.bus)
    } catch {
      throw .notServed(path: paths.bus, reason: "\(error)")
    }
    do {
      receiver = try GNSSReplay(
        recording: recording, path: paths.receiver,
        retiming: GNSSRetiming(
          recording, latitudeDegrees: node.place.latitudeDegrees,
          longitudeDegrees: node.place.longitudeDegrees))
    } catch {
      throw .notServed(path: paths.receiver, reason: "\(error)")
    }
    try serve(model, paths)
  }

  private func serve(_ model: any AirRadio, _ paths: RunFolder.Node) throws(Failure) {
    do {
      if let model = model as? SerialModuleModel {
        module = try ModuleTerminal(model: model, path: paths.radio)
      } else if let model = model as? RadioChipModel {
        chip = try ChipSockets(model: model, path: paths.chip, clock: { DemoSystem.milliseconds })
      }
    } catch {
      throw .notServed(path: node.hasChip ? paths.chip : paths.radio, reason: "\(error)")
    }
  }

  /// "bme280 0x76, scd4x 0x62, sht3x 0x44".
  var chips: String {
    board.bus.attached.map { address, chip in
      "\(chip.name) 0x\(String(address, radix: 16))"
    }.sorted().joined(separator: ", ")
  }

  var descriptors: [Int32] {
    if let chip { return lineServer.descriptors + chip.descriptors }
    guard let module = module.take() else { return lineServer.descriptors }
    let descriptor = module.pollDescriptor
    self.module = consume module
    return lineServer.descriptors + [descriptor]
  }

  /// When it does something by itself.
  func due(now: Int64) -> Int64 {
    var due = min(nextEpochMilliseconds, lines.nextMilliseconds)
    if let next = board.nextCommandMilliseconds { due = min(due, next) }
    if let wait = chip?.millisecondsToNextChange(now: now) { due = min(due, now + wait) }
    if let module = module.take() {
      if let wait = module.millisecondsToNextChange(now: now) { due = min(due, now + wait) }
      self.module = consume module
    }
    return due
  }

  /// Lines, receiver and module; says what became of faults that were due.
  func turn(now: Int64) throws(Failure) -> [String] {
    lines.perform(now: now)
    lineServer.turn()
    do {
      if nextEpochMilliseconds <= now {
        // The epoch is over when its sentences go out, and a receiver that was late leaves out what it missed.
        let utc = DemoSystem.utcMilliseconds
        _ = try receiver?.playEpoch(utcMilliseconds: utc - utc % Self.epochMilliseconds)
        nextEpochMilliseconds = now + Self.epochMilliseconds - utc % Self.epochMilliseconds
      }
      try module?.turn(now: now)
      chip?.turn()
    } catch {
      throw .notServed(path: "a line of \(node.name)", reason: "\(error)")
    }
    return board.performDue(now: now)
  }

  /// Tells its agent what the air has brought.
  func tellEdges() { chip?.tellEdges() }

  /// Removes its lines.
  func close() {
    receiver = nil
    module = nil
    chip = nil
  }
}
