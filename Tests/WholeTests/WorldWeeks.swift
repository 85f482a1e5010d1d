import DeviceLog
import FixedMemory
import Foundation
import LinuxPlatform
import Proofs
import Records
import Signers
import Spool
import TestSupport

/// Weeks in a moment: the log that an agent would have written, by the same code, signed with the node's key.
extension WorldNode {
  private func fixedPath(_ name: String) throws -> FixedPath {
    guard let path = FixedPath(Array("\(folder)/\(name)".utf8).span) else {
      throw WorldProblem("the path of \(name) is too long")
    }
    return path
  }

  /// One more boot, with a reading of sixteen values every minute and a batch every hour, while no agent runs.
  /// Returns how many batches it signed: fewer than `hours` when the spool was full and the policy is to stop.
  func pass(hours: Int) throws -> Int {
    let key = Array((folder + "/agent/agent.key").utf8)
    var signer = try FileKey(opening: key.span)
    var log = try DeviceLog<FileStorage>.recover(
      FileStorage.openWhenFree(at: fixedPathOrFail("agent/spool")),
      policy: whenFull == "stop" ? .stop : .dropOldest)
    let boot = log.state.boot + 1
    log.begin(boot: boot, flags: Checkpoint.simulatedFlag)
    try append(to: &log, at: 0) {
      LeafEncoding.boot(
        milliseconds: 0, bootCount: boot, agentVersion: "0.1.0",
        programHash: [UInt8](repeating: 0, count: 32).span, board: Array("world".utf8).span,
        configurationHash: [UInt8](repeating: 0, count: 32).span, flags: Checkpoint.simulatedFlag,
        claims: Span(), into: $0.mutableSpan)
    }
    for hour in 0..<hours {
      do {
        for minute in 0..<60 {
          let milliseconds = Int64(hour * 60 + minute) * 60_000
          try append(to: &log, at: milliseconds) {
            var values = ReadingValues(filler: nil)
            for value in 0..<16 { values.append(.max - Int64(minute + value)) }
            return LeafEncoding.reading(
              schema: 1, milliseconds: milliseconds, values: values, into: $0.mutableSpan)
          }
        }
        _ = try log.seal(with: &signer)
      } catch DeviceLog<FileStorage>.Failure.full {
        return hour
      }
    }
    return hours
  }

  private func append(
    to log: inout DeviceLog<FileStorage>, at milliseconds: Int64, _ encode: (inout [UInt8]) -> Int
  ) throws {
    var buffer = [UInt8](repeating: 0, count: 1024)
    let count = encode(&buffer)
    try log.append(leaf: buffer.span.extracting(0..<count), milliseconds: milliseconds)
  }

  private func fixedPathOrFail(_ name: String) throws(FileStorage.Failure) -> FixedPath {
    do { return try fixedPath(name) } catch { throw .notFound }
  }
}
