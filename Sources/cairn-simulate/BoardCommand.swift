import ArgumentParser
import CLinux
import Foundation
import Simulation

/// `cairn-simulate board`: serves a virtual board until it is told to end.
struct BoardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "board",
    abstract: "Serve a board of chip models over a Unix socket.",
    discussion: """
      A line on standard input sets what is wrong with a chip: "fault sht3x no-acknowledge". Faults: \
      \(ChipFault.allCases.map(\.rawValue).joined(separator: ", ")).
      Ends on SIGINT or SIGTERM, and removes its socket.
      """)

  @Option(help: "Path of the socket to serve the I2C bus at (at most 107 bytes).")
  var bus: String

  @Option(help: "Weather to replay: a CSV file as in Data/weather.")
  var weather: String

  @Option(help: "Seconds of weather that pass in one second, 1 to 86400.")
  var speed: Int64 = 3_600

  @Option(help: "Decides serial numbers, calibration and noise.")
  var seed: UInt64 = 1

  @Option(help: "A fault: CHIP:FAULT, or CHIP:FAULT@TIME with a time like 500ms, 30s or 2m.")
  var fault: [String] = []

  @Flag(help: "End when standard input ends.")
  var untilEndOfInput = false

  func validate() throws {
    guard WeatherReplay.speedRange.contains(speed) else {
      throw ValidationError("--speed is from 1 to 86400")
    }
    for text in fault { _ = try Self.command(option: text) }
  }

  func run() throws {
    // First of all, so that no signal ends the program before its socket is removed.
    let signals = cairn_board_end_signals()
    guard signals >= 0 else { throw Failure.noSignals(errno: -signals) }
    let record = try Self.weatherRecord(at: weather)
    let start = cairn_board_milliseconds()
    let replay = WeatherReplay(record: record, speed: speed, startMilliseconds: start)
    let board = VirtualBoard(surroundings: replay, seed: seed, now: start)
    let server = VirtualBoardServer()
    do throws(VirtualBoardServer.Failure) {
      try server.add(board.bus, at: bus)
    } catch {
      throw Failure.noSocket(path: bus, reason: error)
    }
    tell(describe(board, record))
    for text in fault { tell([board.perform(try Self.command(option: text), now: start)]) }
    try serve(board, server, signals: signals)
    server.close()
  }

  /// Why the board can not be served; ends the program with status 1.
  private enum Failure: Error, CustomStringConvertible {
    case noSignals(errno: Int32)
    case noWeather(path: String, reason: String)
    case noSocket(path: String, reason: VirtualBoardServer.Failure)

    var description: String {
      switch self {
      case .noSignals(let errno): "no signals: \(String(cString: strerror(errno)))"
      case .noWeather(let path, let reason): "no weather in \(path): \(reason)"
      case .noSocket(let path, .pathInUse): "\(path) is in use, or not a socket"
      case .noSocket(let path, .system(let errno)):
        "no socket at \(path): \(String(cString: strerror(errno)))"
      }
    }
  }

  private static func weatherRecord(at path: String) throws -> WeatherRecord {
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw Failure.noWeather(path: path, reason: error.localizedDescription)
    }
    do throws(WeatherRecord.Failure) {
      return try WeatherRecord(csv: text)
    } catch {
      throw Failure.noWeather(path: path, reason: "\(error)")
    }
  }

  private static func command(option text: String) throws -> FaultCommand {
    do {
      return try FaultCommand(option: text)
    } catch {
      throw ValidationError("--fault \(text): \(error)")
    }
  }

  private func describe(_ board: VirtualBoard, _ record: WeatherRecord) -> [String] {
    let chips = board.bus.attached.map { address, chip in
      "  0x\(String(address, radix: 16)) \(chip.name) serial \(chip.serialNumber)"
    }
    return ["\(bus) serves chip models; nothing they say is a measurement:"] + chips + [
      "\(weather): \(record.observations.count) observations, \(speed) s of weather a second",
      "carbon dioxide is not in the weather: a constant \(WeatherReplay.carbonDioxidePPM) ppm",
    ]
  }

  private func serve(_ board: VirtualBoard, _ server: VirtualBoardServer, signals: Int32) throws {
    var input: LineReader? = LineReader()
    while true {
      let descriptors = [signals] + (input == nil ? [] : [LineReader.descriptor])
      let ready = try server.serve(
        forMilliseconds: wait(for: board), otherDescriptors: descriptors,
        clock: cairn_board_milliseconds)
      if ready[0] { return }
      tell(board.performDue(now: cairn_board_milliseconds()))
      guard ready.count > 1, ready[1] else { continue }
      let lines = input?.read()
      for line in lines ?? [] where !line.isEmpty { tell([perform(line, on: board)]) }
      if lines == nil {
        if untilEndOfInput { return }
        input = nil
      }
    }
  }

  /// Until the next fault that waits; −1 waits for ever.
  private func wait(for board: VirtualBoard) -> Int32 {
    guard let next = board.nextCommandMilliseconds else { return -1 }
    return Int32(min(max(0, next - cairn_board_milliseconds()), 60_000))
  }

  private func perform(_ line: String, on board: VirtualBoard) -> String {
    do throws(FaultCommand.Failure) {
      return board.perform(try FaultCommand(line: line), now: cairn_board_milliseconds())
    } catch {
      return "not understood: \(line) (fault CHIP FAULT)"
    }
  }

  /// Unbuffered, so that whoever reads a pipe sees a line when it happens.
  private func tell(_ lines: [String]) {
    for line in lines { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }
  }
}

/// The lines of standard input, as they come.
private struct LineReader {
  static let descriptor: Int32 = 0
  /// A longer line is no command of ours.
  private static let lineLimit = 4_096
  private var partial: [UInt8] = []

  /// The whole lines of what has come; nil at the end of the input.
  mutating func read() -> [String]? {
    var buffer = [UInt8](repeating: 0, count: Self.lineLimit)
    let count = cairn_board_read(Self.descriptor, &buffer, buffer.count)
    guard count > 0 else { return nil }
    partial += buffer[..<count]
    var lines = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What follows the last line end is the beginning of a line, however long it will be.
    partial = Array(lines.removeLast().prefix(Self.lineLimit))
    return lines.map { String(decoding: $0, as: UTF8.self) }
  }
}
