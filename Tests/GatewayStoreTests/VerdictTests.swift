import CBOR
import FixedMemory
import Foundation
import GRDB
import Identity
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
    let message = try device.enrolment
    let node = try COSESign1.hash(of: message.span)
    let hashes = [0x58, 0x20] + device.publicKey.hash.array + [0x58, 0x20] + node.array
    #expect(first.answer == [0x84, 0x01] + hashes + [0x01])
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

  @Test func whatIsNoEnrolmentIsRefusedByItsFault() throws {
    let gateway = try TestGateway.make()
    let good = try TestDevice().enrolment
    var cases: [([UInt8], RefusalCode)] = [
      ([], .malformed), (good + [0], .malformed), (Array(good.dropLast()), .malformed),
      ([UInt8](repeating: 0, count: 1025), .tooLarge),
      // What devices posted before there were enrolments: a key that nobody has signed.
      ([0x83, 0x01, 0x27, 0x58, 0x20] + (try TestDevice().publicKey.bytes.array), .malformed),
      // Far deeper than anything here: 0x81 is an array of one.
      ([UInt8](repeating: 0x81, count: 500), .malformed),
    ]
    var signature = good
    signature[good.count - 1] ^= 1
    cases.append((signature, .badSignature))
    // Version of the fields: behind tag, array, protected 2 + 30 and the array of the fields.
    let version = try #require(good.indices.first { good[$0...].starts(with: [0x8a, 0x01, 0x01]) })
    var later = good
    later[version + 1] = 2
    cases.append((later, .unsupportedVersion))
    for (body, code) in cases {
      #expect(throws: Problem(code)) { try gateway.enrol(body, utcMilliseconds: 0) }
    }
    for index in good.indices {
      var flipped = good
      flipped[index] ^= 0x10
      #expect(throws: Problem.self, "byte \(index)") {
        try gateway.enrol(flipped, utcMilliseconds: 0)
      }
    }
    #expect(try gateway.store.counts().devices == 0)
  }

  /// Says that it has a key, and signs with nothing.
  private struct PaperSigner: Signer {
    let publicKey: PublicKey

    mutating func sign(_ message: Span<UInt8>) throws(SigningFailure) -> Signature { Signature() }
  }

  @Test(arguments: ImpossibleKey.all)
  func aKeyThatNobodyCanHoldIsRefusedAndNotKept(_ key: ImpossibleKey) throws {
    let gateway = try TestGateway.make()
    let bytes = try #require([UInt8](hexadecimal: key.hexadecimal))
    let publicKey: PublicKey? = PublicKey(algorithm: .ed25519, bytes: bytes.span)
    var signer = PaperSigner(publicKey: try #require(publicKey))
    let enrolment = Enrolment(
      version: 1, previous: nil, deviceKey: signer.publicKey, storage: .file, anchor: nil,
      place: nil, radio: nil, validFromUTCMilliseconds: nil)
    let message = try signedBytes(Enrolment.maximumMessageByteCount) {
      try enrolment.sign(authorization: Span(), with: &signer, into: $0).byteCount
    }
    #expect(throws: Problem(.malformed, detail: Gateway.impossibleKeyDetail)) {
      try gateway.enrol(message, utcMilliseconds: 0)
    }
    #expect(try gateway.store.counts().devices == 0)
  }

  @Test func keysThatSomebodyHoldsAreTaken() throws {
    let gateway = try TestGateway.make()
    for seed in UInt8.min...UInt8.max { try gateway.enrol(try TestDevice(seed: seed)) }
    #expect(try gateway.store.counts().devices == 256)
  }

  @Test func aClosedGatewayTakesNobodyNewAndKeepsWhomItKnows() throws {
    let store = try GatewayStore.inMemory()
    let device = try TestDevice()
    try TestGateway.make(store).enrol(device)
    let closed = try TestGateway.make(store, admission: .closed)
    try closed.enrol(device)
    #expect(throws: Problem(.enrolmentRequired)) { try closed.enrol(try TestDevice(seed: 9)) }
    #expect(closed.receive(try device.seal([TestLeaf.boot()])).isStored)
  }
}

/// 32 bytes that are not the public half of any Ed25519 key.
struct ImpossibleKey: Sendable, CustomTestStringConvertible {
  let hexadecimal: String
  let testDescription: String

  init(_ hexadecimal: String, _ why: String) {
    self.hexadecimal = hexadecimal
    testDescription = "\(hexadecimal): \(why)"
  }

  /// The eight points of small order and every other way to write them, with y up to 2^255 - 1 and either
  /// sign; then points that RFC 8032 never makes, and what is no point at all.
  static let all: [ImpossibleKey] = smallOrder + others

  private static let smallOrder: [ImpossibleKey] = {
    let zeros = String(repeating: "00", count: 30)
    let ones = String(repeating: "ff", count: 30)
    var keys: [ImpossibleKey] = []
    for last in ["00", "80"] {
      keys.append(ImpossibleKey("00" + zeros + last, "order 4"))
      keys.append(ImpossibleKey("01" + zeros + last, "order 1"))
    }
    for last in ["7f", "ff"] {
      keys.append(ImpossibleKey("ec" + ones + last, "order 2"))
      keys.append(ImpossibleKey("ed" + ones + last, "order 4, y = p"))
      keys.append(ImpossibleKey("ee" + ones + last, "order 1, y = p + 1"))
    }
    for last in ["05", "85"] {
      let start = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc"
      keys.append(ImpossibleKey(start + last, "order 8"))
    }
    for last in ["7a", "fa"] {
      let start = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03"
      keys.append(ImpossibleKey(start + last, "order 8"))
    }
    return keys
  }()

  private static let others: [ImpossibleKey] = [
    ImpossibleKey(
      "9599999999999999999999999999999999999999999999999999999999999999",
      "the base point and a point of order 2"),
    ImpossibleKey(
      "da99e28ba529cdde35a25fba9059e78ecaee239f99755b9b1aa4f65df00803e2",
      "the base point and a point of order 8"),
    ImpossibleKey(
      "0200000000000000000000000000000000000000000000000000000000000000", "not on the curve"),
    ImpossibleKey(
      "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "y = p + 3"),
    ImpossibleKey(
      "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "all bits set"),
  ]
}
