import CBOR
import GRDB
import Proofs
import Records
import Testing

@testable import GatewayStore

/// Problem details, byte for byte as docs/delivery-protocol.md shows them.
@Suite struct ProblemTests {
  private func bytes(_ text: String) -> [UInt8] {
    [UInt8](hexadecimal: text.filter { $0 != " " }) ?? []
  }

  @Test func aGapIsTheExampleOfTheProtocol() {
    let problem = Problem(.gap, expected: .init(epoch: 0, batch: 7, size: 28))
    #expect(
      problem.conciseDetails
        == bytes("a2 20 63 676170 6d 636169726e3a7265667573616c a4 00 1828 01 00 02 07 03 181c"))
  }

  @Test func aWaitStandsInFieldFour() {
    let problem = Problem(.rateLimited, retryAfterSeconds: 120)
    #expect(
      problem.conciseDetails
        == bytes(
          "a2 20 6c 726174652d6c696d69746564 6d 636169726e3a7265667573616c a2 00 183c 04 1878"))
  }

  @Test func everyCodeFitsAnUplinksBufferWithAllThatItCanCarry() {
    let message = [UInt8](repeating: 0xff, count: Checkpoint.maximumMessageByteCount)
    for number in UInt16(0)...100 {
      guard let code = RefusalCode(rawValue: number) else { continue }
      let problem = Problem(
        code, detail: String(repeating: "é", count: 1000),
        expected: .init(epoch: .max, batch: .max, size: .max), retryAfterSeconds: .max,
        evidence: .init(held: message, sent: message))
      let details = problem.conciseDetails
      #expect(details.count <= Problem.maximumByteCount)
      // The detail is cut between characters, to 512 bytes.
      #expect(details.indices.contains { Array(details[$0...].prefix(3)) == [0x79, 0x02, 0x00] })
    }
  }

  @Test func aFullOrBrokenDiskIsStorageFullAndAnythingElseUnavailable() {
    for code: ResultCode in [.SQLITE_FULL, .SQLITE_IOERR, .SQLITE_READONLY] {
      #expect(Problem(storageError: DatabaseError(resultCode: code)).code == .storageFull)
    }
    for code: ResultCode in [.SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_CONSTRAINT] {
      #expect(Problem(storageError: DatabaseError(resultCode: code)).code == .unavailable)
    }
  }
}
