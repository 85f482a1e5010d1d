import Air
import Foundation
import Simulation

/// The boards of a run, the weather that all of them are in, and the air between them, turned by the run's own loop.
final class RunHardware {
  let replay: WeatherReplay
  let boards: [RunBoard]
  let air: ModuleAir
  private let server = VirtualBoardServer()

  init(options: RunCommand, nodes: [(DemoNode, RunFolder.Node)]) throws(RunBoard.Failure) {
    let record = try Self.record(options.weather)
    let recording = GNSSRecording(try Self.bytes(options.recording))
    replay = WeatherReplay(
      record: record, speed: options.speed, startMilliseconds: DemoSystem.milliseconds)
    air = ModuleAir(DemoNode.medium(seed: options.seed))
    var boards: [RunBoard] = []
    for (index, (node, paths)) in nodes.enumerated() {
      boards.append(
        try RunBoard(
          node, paths: paths, surroundings: replay, recording: recording, server: server, air: air,
          seed: options.seed &+ UInt64(index) &* 0x9e37_79b9))
    }
    self.boards = boards
  }

  private static func bytes(_ path: String) throws(RunBoard.Failure) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
  }

  private static func record(_ path: String) throws(RunBoard.Failure) -> WeatherRecord {
    let text = String(decoding: try bytes(path), as: UTF8.self)
    do throws(WeatherRecord.Failure) {
      return try WeatherRecord(csv: text)
    } catch {
      throw .unreadable(path: path, reason: "not a weather file: \(error)")
    }
  }

  /// The weather at the moment.
  var weatherNow: Int64 {
    replay.virtualMilliseconds(at: DemoSystem.milliseconds)
  }

  /// What a turn has brought.
  struct Turn {
    /// What became of faults that were due, with the board.
    var told: [(node: String, text: String)] = []
    var begun: [ModuleAir.Begun] = []
    var heard: [ModuleAir.Told] = []
  }

  /// Serves until something else is readable, or the time is over.
  func turn(untilMilliseconds end: Int64, others: [Int32]) throws(RunBoard.Failure) -> Turn {
    let start = DemoSystem.milliseconds
    var due = min(end, air.nextMilliseconds ?? end)
    for board in boards { due = min(due, board.due(now: start)) }
    do throws(VirtualBoardServer.Failure) {
      _ = try server.serve(
        forMilliseconds: Int32(min(max(0, due - start), 1_000)),
        otherDescriptors: others + boards.flatMap(\.descriptors),
        clock: { DemoSystem.milliseconds })
    } catch {
      throw .notServed(path: "the virtual buses", reason: "\(error)")
    }
    let now = DemoSystem.milliseconds
    var turn = Turn()
    for board in boards {
      turn.told += try board.turn(now: now).map { (board.node.name, $0) }
    }
    (turn.begun, turn.heard) = air.turn(now: now)
    for board in boards { board.tellEdges() }
    return turn
  }

  /// The board of a station.
  func board(station: Int) -> RunBoard? { boards.first { $0.station == station } }

  /// Removes sockets and lines.
  func close() {
    server.close()
    for board in boards { board.close() }
  }
}
