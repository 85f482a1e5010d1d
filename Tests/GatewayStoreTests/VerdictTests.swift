import CBOR
import FixedMemory
import Foundation
import GRDB
import Proofs
import Records
import Testing
import Verifier

@testable import GatewayStore

/// What a gateway says of one batch, by form, key and leaves.
@Suite struct VerdictTests {
  private func exampleGateway() throws -> Gateway {
    let gateway = try TestGateway.make()
    _ = try gateway.enrol(WorkedExample.enrolment, utcMilliseconds: TestGateway.now)
    return gateway
  }

  @Test func theWorkedExampleIsAcceptedInOrder() throws {
    let gateway = try exampleGateway()
    #expect(gateway.receive(WorkedExample.batch0).isStored)
    #expect(gateway.receive(WorkedExample.batch1).isStored)
    #expect(try gateway.rows == [2, 0])
  }

  @Test func aReceiptIsTheGatewaysAndNamesTheBatch() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let batch = try device.seal([TestLeaf.boot(), TestLeaf.schema()])
    let bytes = try #require(gateway.receive(batch).receipt)
    let receipt = try Receipt(verifying: bytes.span, gatewayKey: gateway.publicKey)
    #expect(receipt.deviceKeyHash == device.publicKey.hash)
    #expect(receipt.epoch == 0)
    #expect(receipt.batch == 0)
    #expect(receipt.size == 2)
    #expect(receipt.result == Receipt.resultStored)
    #expect(receipt.receivedUTCMilliseconds == TestGateway.now)
    #expect(receipt.checkpointHash == device.log.previous)
  }

  @Test func everyFlippedBitOfABatchIsRefusedAndStoresNothing() throws {
    let gateway = try exampleGateway()
    for (batch, before) in [(WorkedExample.batch0, 0), (WorkedExample.batch1, 1)] {
      for index in batch.indices {
        for bit in 0..<8 {
          var spoiled = batch
          spoiled[index] ^= 1 << UInt8(bit)
          let answer = gateway.receive(spoiled)
          #expect(answer.problem != nil, "bit \(bit) of byte \(index)")
        }
      }
      #expect(try gateway.rows == [before, 0])
      #expect(gateway.receive(batch).isStored)
    }
  }

  @Test func everyTruncationAndEveryTrailingByteIsRefused() throws {
    let gateway = try exampleGateway()
    for count in WorkedExample.batch0.indices {
      #expect(gateway.receive(Array(WorkedExample.batch0.prefix(count))).code == .malformed)
    }
    for byte in UInt8.min...UInt8.max {
      #expect(gateway.receive(WorkedExample.batch0 + [byte]).code == .malformed)
    }
    #expect(try gateway.rows == [0, 0])
  }

  @Test func aLengthThatIsNotTheShortestIsRefusedWithItsOwnCode() throws {
    let gateway = try exampleGateway()
    var longer = WorkedExample.batch0
    #expect(longer[1...2] == [0x58, 0xb9])
    longer.replaceSubrange(1...2, with: [0x59, 0x00, 0xb9])
    #expect(gateway.receive(longer).code == .notDeterministic)
  }

  @Test func moreBytesThanTheLimitAreTooLarge() throws {
    let gateway = try exampleGateway()
    let limit = Batch.maximumByteCountWithSubtrees
    #expect(gateway.receive([UInt8](repeating: 0, count: limit)).code == .malformed)
    #expect(gateway.receive([UInt8](repeating: 0, count: limit + 1)).code == .tooLarge)
  }

  @Test func moreLeavesThanTheLimitAreTooLarge() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    let start = device.log
    let leaves = (0..<513).map { TestLeaf.reading([nil], at: Int64($0)) }
    #expect(gateway.receive(try device.seal(leaves)).code == .tooLarge)
    device.log = start
    #expect(gateway.receive(try device.seal(leaves.dropLast())).isStored)
  }

  @Test func aKeyThatNobodyPostedIsUnknown() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    let batch = try device.seal([TestLeaf.boot()])
    #expect(gateway.receive(batch).code == .unknownKey)
    try gateway.enrol(device)
    #expect(gateway.receive(batch).isStored)
  }

  @Test func formIsCheckedBeforeTheKey() throws {
    let gateway = try TestGateway.make()
    var batch = try TestDevice().seal([TestLeaf.boot()])
    // The item's head says text instead of bytes.
    let item = batch.count - TestLeaf.boot().count - 2
    #expect(batch[item] == 0x58)
    batch[item] = 0x78
    #expect(gateway.receive(batch).code == .malformed)
  }

  @Test func aPositionThatSQLiteCannotHoldIsRefused() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    try gateway.enrol(device)
    for (epoch, boot): (UInt64, UInt64) in [(1 << 63, 1), (.max, 1), (0, 1 << 63)] {
      device.log = TestDevice.Log(epoch: epoch, boot: boot)
      #expect(gateway.receive(try device.seal([TestLeaf.boot(boot)])).code == .malformed)
    }
  }

  @Test func leavesThatAreNotWhatWasSignedAreRefusedByTheirFault() throws {
    let boot = TestLeaf.boot()
    let reading = TestLeaf.reading([1], at: 5)
    let cases: [(RefusalCode, (TestDevice) throws -> [UInt8])] = [
      (.rootMismatch, { try $0.seal([boot]) { $0.root = Digest() } }),
      (.rootMismatch, { try $0.seal([boot, reading]) { $0.root[31] ^= 1 } }),
      (.sizeMismatch, { try $0.seal([boot, reading]) { $0.size = 3 } }),
      (.sizeMismatch, { try $0.seal([boot, reading]) { $0.size = 1 } }),
      (.sizeMismatch, { try $0.seal([boot, reading]) { $0.first = 1 } }),
      (.timeDisorder, { try $0.seal([boot, reading, TestLeaf.reading([1], at: 4)]) }),
      (.timeDisorder, { try $0.seal([boot, reading]) { $0.lastLeafMilliseconds = 6 } }),
      (.leafMalformed, { try $0.seal([boot, reading, [0x83, 0x03, 0x01, 0x05]]) }),
      (.leafMalformed, { try $0.seal([boot, reading]) { $0.flags = 0 } }),
      (.leafMalformed, { try $0.seal([boot, reading]) { $0.boot = 2 } }),
      (.wrongPrev, { try $0.seal([boot, reading]) { $0.previous[0] = 1 } }),
    ]
    for (code, make) in cases {
      let gateway = try TestGateway.make()
      let device = try TestDevice()
      try gateway.enrol(device)
      #expect(gateway.receive(try make(device)).code == code)
      #expect(try gateway.rows == [0, 0])
    }
  }
}

/// Which keys a gateway takes.
@Suite struct EnrolmentTests {
  @Test func aKeyIsTakenOnceAndPostingItAgainChangesNothing() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice()
    let first = try gateway.enrol(device.enrolment, utcMilliseconds: 1)
    let second = try gateway.enrol(device.enrolment, utcMilliseconds: 2)
    #expect(first.isNew)
    #expect(!second.isNew)
    #expect(first.answer == [0x82, 0x01, 0x58, 0x20] + device.publicKey.hash.array)
    #expect(second.answer == first.answer)
  }

  @Test func anotherKeyWithTheSameIdentifierIsRefusedAndTheFirstStays() throws {
    let gateway = try TestGateway.make()
    let device = try TestDevice(seed: 1)
    let other = try TestDevice(seed: 2)
    // A true collision of 64 bits can't be made here: the stored identifier is bent instead.
    try gateway.enrol(other)
    try gateway.store.database.write {
      try $0.execute(
        sql: "UPDATE device SET key_id = ?", arguments: [device.publicKey.keyID.data])
    }
    #expect(throws: Problem(.keyMismatch)) { try gateway.enrol(device) }
    #expect(try gateway.store.counts().devices == 1)
    // What the first device of this identifier did not sign is not its own.
    let batch = try device.seal([TestLeaf.boot()])
    #expect(gateway.receive(batch).code == .unknownKey)
  }

  @Test func whatIsNotAKeyIsRefusedByItsFault() throws {
    let gateway = try TestGateway.make()
    let good = try TestDevice().enrolment
    var cases: [([UInt8], RefusalCode)] = [
      ([], .malformed), (good + [0], .malformed), (Array(good.dropLast()), .malformed),
      ([UInt8](repeating: 0, count: 257), .tooLarge),
    ]
    var version = good
    version[1] = 2
    cases.append((version, .unsupportedVersion))
    var algorithm = good
    algorithm[2] = 0x25
    cases.append((algorithm, .unknownAlgorithm))
    // ES256 has 33 bytes that begin with 2 or 3.
    algorithm[2] = 0x26
    cases.append((algorithm, .malformed))
    cases.append(([0x83, 0x01, 0x26, 0x58, 0x21, 4] + good.dropFirst(5), .malformed))
    for (body, code) in cases {
      #expect(throws: Problem(code)) { try gateway.enrol(body, utcMilliseconds: 0) }
    }
    #expect(try gateway.store.counts().devices == 0)
  }

  @Test func aClosedGatewayTakesNobodyNewAndKeepsWhomItKnows() throws {
    let store = try GatewayStore.inMemory()
    let device = try TestDevice()
    try TestGateway.make(store).enrol(device)
    let closed = try TestGateway.make(store, enrolment: .closed)
    try closed.enrol(device)
    #expect(throws: Problem(.enrolmentRequired)) { try closed.enrol(try TestDevice(seed: 9)) }
    #expect(closed.receive(try device.seal([TestLeaf.boot()])).isStored)
  }
}
