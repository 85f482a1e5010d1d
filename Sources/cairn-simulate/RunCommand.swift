import ArgumentParser
import Foundation
import Simulation

/// `cairn-simulate run`: the whole of Cairn on this machine, without any hardware.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Run boards on simulated hardware with a gateway, and show batches and beacons as it judges them.",
    discussion: """
      Everything stands below one folder and on loopback; no root is needed. Runs until Ctrl-C, then ends \
      in order: what was measured is sealed and delivered first. Ctrl-C again ends at once.
      Exit status: 0 when at least one batch was verified and none refused, 1 otherwise, 69 when something \
      that is needed is missing (docs/running.md).
      """)

  @Option(help: "Where everything stands; kept from run to run: the same key, the next boot.")
  var folder = "build/run"

  @Flag(help: "Remove what earlier runs have left in the folder first.")
  var fresh = false

  @Option(help: "How many boards, 1 to 3. More than one hear each other's radio beacons.")
  var boards = 3

  @Option(help: "Folder of cairn-agent, cairn-uplink-https and cairn.")
  var programs = "build/amd64"

  @Option(help: "Path of cairn-gateway; unless said, beside this program.")
  var gatewayProgram: String?

  @Option(help: "End by itself after so many seconds.")
  var seconds: Int64?

  @Option(help: "Seconds of weather that pass in one second, 1 to 86400.")
  var speed: Int64 = 3_600

  @Option(help: "Decides serial numbers, calibration and noise of the chips.")
  var seed: UInt64 = 1

  @Option(help: "A fault: CHIP:FAULT, or CHIP:FAULT@TIME with a time like 500ms, 30s or 2m.")
  var fault: [String] = []

  @Option(help: "Weather to replay: a CSV file as in Data/weather.")
  var weather = "Data/weather/weather-jfk-2013.csv"

  @Option(help: "The receiver to play: a file of NMEA sentences as in Data/gnss.")
  var recording = "Data/gnss/quectel-l76k-nmea.log"

  @Option(help: "The board profile.")
  var board = "Boards/virtual.ini"

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func validate() throws {
    guard WeatherReplay.speedRange.contains(speed) else {
      throw ValidationError("--speed is from 1 to 86400")
    }
    guard (1...86_400).contains(seconds ?? 1) else {
      throw ValidationError("--seconds is from 1 to 86400")
    }
    guard (1...DemoNode.all.count).contains(boards) else {
      throw ValidationError("--boards is from 1 to \(DemoNode.all.count)")
    }
    _ = try faults()
  }

  /// The boards of this run.
  var nodes: [DemoNode] { Array(DemoNode.all.prefix(boards)) }

  /// The faults that were asked for.
  func faults() throws -> [FaultCommand] {
    try fault.map { text in
      do {
        return try FaultCommand(option: text)
      } catch {
        throw ValidationError("--fault \(text): \(error)")
      }
    }
  }

  func run() throws {
    // First of all, so that no signal ends this program before what it has started.
    let signals = DemoSignals()
    DemoSystem.ignoreBrokenPipes()
    let output = RunOutput(isJSON: json)
    defer { output.finish() }
    guard let signals else { throw ExitCode(RunExit.unavailable) }
    let held: RunFolder
    do throws(RunFolder.Failure) {
      held = try RunFolder(
        Self.withoutSlashes(folder), nodes: nodes.map(\.name), isFresh: fresh)
    } catch {
      output.show(DemoLine.wrapped(label: "folder", "✘ \(error)", .bad))
      output.tell("failed", [.init("step", .text("folder")), .init("reason", .text("\(error)"))])
      throw ExitCode(RunExit.unavailable)
    }
    let course = RunCourse(self, folder: held, output: output, signals: signals)
    let status = course.run()
    if status != 0 { throw ExitCode(status) }
  }

  private static func withoutSlashes(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  /// The gateway's program: what was said, or the one beside this program.
  var gatewayPath: String {
    if let gatewayProgram { return gatewayProgram }
    do {
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/cairn-gateway"
    } catch {
      return "cairn-gateway"
    }
  }

  func program(_ name: String) -> String { Self.withoutSlashes(programs) + "/" + name }
}

/// How a run ends (docs/running.md).
enum RunExit {
  /// No batch was verified, one was refused, or a program ended early.
  static let bad: Int32 = 1
  /// Something that a run needs is missing or taken.
  static let unavailable: Int32 = 69
}
