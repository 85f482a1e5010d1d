import Foundation
import Simulation

/// The hardware of a run: chip models on a bus, and a recorded satellite receiver, both turned by the run's
/// own loop.
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

  let replay: WeatherReplay
  let board: VirtualBoard
  private let server = VirtualBoardServer()
  private let lines: VirtualLines
  private let lineServer: VirtualGPIOServer
  private var receiver: GNSSReplay?
  private var nextEpochMilliseconds: Int64

  init(options: RunCommand, folder: borrowing RunFolder) throws(Failure) {
    let now = DemoSystem.milliseconds
    let record = try Self.record(options.weather)
    let recording = GNSSRecording(try Self.bytes(options.recording))
    replay = WeatherReplay(record: record, speed: options.speed, startMilliseconds: now)
    board = VirtualBoard(surroundings: replay, seed: options.seed, now: now)
    nextEpochMilliseconds = now
    lines = VirtualLines(seed: options.seed, now: now)
    do throws(VirtualGPIOServer.Failure) {
      lineServer = try VirtualGPIOServer(lines.chip, at: folder.gpio)
    } catch {
      throw .notServed(path: folder.gpio, reason: "\(error)")
    }
    do throws(VirtualBoardServer.Failure) {
      try server.add(board.bus, at: folder.bus)
    } catch {
      throw .notServed(path: folder.bus, reason: "\(error)")
    }
    do {
      receiver = try GNSSReplay(recording: recording, path: folder.receiver)
    } catch {
      throw .notServed(path: folder.receiver, reason: "\(error)")
    }
  }

  private static func bytes(_ path: String) throws(Failure) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
  }

  private static func record(_ path: String) throws(Failure) -> WeatherRecord {
    let text = String(decoding: try bytes(path), as: UTF8.self)
    do throws(WeatherRecord.Failure) {
      return try WeatherRecord(csv: text)
    } catch {
      throw .unreadable(path: path, reason: "not a weather file: \(error)")
    }
  }

  /// "bme280 0x76, scd4x 0x62, sht3x 0x44".
  var chips: String {
    board.bus.attached.map { address, chip in
      "\(chip.name) 0x\(String(address, radix: 16))"
    }.sorted().joined(separator: ", ")
  }

  /// The weather at the moment.
  var weatherNow: Int64 {
    replay.virtualMilliseconds(at: DemoSystem.milliseconds)
  }

  /// Serves until something else is readable, or the time is over. Returns which of the others are ready, and
  /// what became of faults that were due.
  func turn(untilMilliseconds end: Int64, others: [Int32]) throws(Failure) -> (
    ready: [Bool], told: [String]
  ) {
    let due = min(
      end, nextEpochMilliseconds, board.nextCommandMilliseconds ?? end, lines.nextMilliseconds)
    let wait = Int32(min(max(0, due - DemoSystem.milliseconds), 1_000))
    var ready: [Bool]
    do throws(VirtualBoardServer.Failure) {
      ready = try server.serve(
        forMilliseconds: wait, otherDescriptors: others + lineServer.descriptors,
        clock: { DemoSystem.milliseconds })
      ready = Array(ready.prefix(others.count))
    } catch {
      throw .notServed(path: "the virtual bus", reason: "\(error)")
    }
    let now = DemoSystem.milliseconds
    lines.perform(now: now)
    lineServer.turn()
    do {
      // At most a few epochs in a turn; a receiver that was late for longer has lost them.
      for _ in 0..<8 where nextEpochMilliseconds <= now {
        nextEpochMilliseconds += try receiver?.playEpoch() ?? 1_000
      }
    } catch {
      throw .notServed(path: "the receiver's line", reason: "\(error)")
    }
    if nextEpochMilliseconds <= now { nextEpochMilliseconds = now + 1_000 }
    return (ready, board.performDue(now: now))
  }

  /// Removes socket and line.
  func close() {
    server.close()
    receiver = nil
  }
}
