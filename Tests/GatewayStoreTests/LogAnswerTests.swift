import FixedMemory
import Foundation
import Identity
import Proofs
import Records
import Synchronization
import Testing
import Verifier

@testable import GatewayStore

/// Heads, proofs and leaves of the gateway's own log, checked by the verifier that auditors use.
@Suite struct LogAnswerTests {
  let gateway: Gateway
  let device: TestDevice
  private let now = TestGateway.now

  init() throws {
    gateway = try TestGateway.make()
    device = try TestDevice()
    try gateway.enrol(device)
  }

  private func fill(_ count: Int) throws {
    for time in 0..<Int64(count) {
      #expect(gateway.receive(try device.seal([TestLeaf.reading([1], at: time)])).isStored)
    }
  }

  private func code(_ work: () throws(Refusal) -> Void) -> RefusalCode? {
    do throws(Refusal) {
      try work()
      return nil
    } catch { return error.code }
  }

  @Test func aHeadCoversEachLeafThatWasAnsweredBefore() throws {
    for time in Int64(0)..<20 {
      let batch = try device.seal([TestLeaf.reading([1], at: time)])
      let receipt = try #require(gateway.receive(batch).receipt)
      let head = try gateway.logHead(utcMilliseconds: now)
      let signed = try GatewayHead(verifying: head.message.span, gatewayKey: gateway.publicKey)
      #expect(signed.size == head.size && signed.root == head.root)
      let leaves = try gateway.store.logLeaves(from: 0, limit: 1000)
      #expect(UInt64(leaves.count) == head.size)
      let leaf = try #require(leaves.first { $0.document == receipt })
      let proof = try gateway.logInclusion(
        of: leaf.index, size: head.size, utcMilliseconds: now)
      let proven = try GatewayLogVerifier.verifyInclusion(
        receipt: proof.span, leafHash: leaf.hash, gatewayKey: gateway.publicKey)
      #expect(proven.index == leaf.index && proven.head.root == head.root)
    }
  }

  @Test func aSizeIsSignedOnceInTenSecondsAndAlwaysWithOneRoot() throws {
    try fill(3)
    let first = try gateway.logHead(utcMilliseconds: now)
    #expect(try gateway.logHead(utcMilliseconds: now + 9_999) == first)
    #expect(gateway.signedHeadCount == 1)
    let later = try gateway.logHead(utcMilliseconds: now + 10_000)
    #expect(later.message != first.message)
    #expect(later.root == first.root && later.size == first.size)
    try fill(1)
    let grown = try gateway.logHead(size: first.size, utcMilliseconds: now + 60_000)
    #expect(grown.root == first.root)
    // So many sizes are held that the first is signed anew, with the same root.
    try fill(SignedHeads.maximumCount)
    for size in 1...UInt64(SignedHeads.maximumCount) {
      _ = try gateway.logHead(size: size, utcMilliseconds: now + 60_001)
    }
    #expect(try gateway.logHead(size: 5, utcMilliseconds: now + 60_002).root == first.root)
  }

  @Test func aClockThatStandsBeforeTheLogCostsNoSignatureForEachWhoAsks() throws {
    try fill(3)
    let before = now - 3_600_000
    let first = try gateway.logHead(utcMilliseconds: before)
    #expect(first.utcMilliseconds >= now)
    #expect(try gateway.logHead(utcMilliseconds: before + 9_999) == first)
    #expect(gateway.signedHeadCount == 1)
    #expect(try gateway.logHead(utcMilliseconds: before + 10_000).root == first.root)
    #expect(gateway.signedHeadCount == 2)
  }

  @Test func aSearchForWhatIsNotThereLeavesTheWriterAlone() throws {
    try fill(3)
    let unknown = OpenSSLTreeHash.leafHash([7].span)
    #expect(try gateway.store.logLeaf(named: unknown) == .notInTheLog)
    let written = Mutex(0)
    try gateway.store.database.writeWithoutTransaction { database in
      database.trace { event in
        // Reading begins its transactions otherwise.
        if "\(event)".hasPrefix("BEGIN IMMEDIATE") { written.withLock { $0 += 1 } }
      }
    }
    #expect(try gateway.store.logLeaf(named: unknown) == .notInTheLog)
    #expect(written.withLock { $0 } == 0)
    // A leaf more is looked at once.
    try fill(1)
    written.withLock { $0 = 0 }
    #expect(try gateway.store.logLeaf(named: unknown) == .notInTheLog)
    #expect(written.withLock { $0 } > 0)
  }

  @Test func everyProofVerifiesUnderItsHeadAndNoOther() throws {
    try fill(19)
    let leaves = try gateway.store.logLeaves(from: 0, limit: 100)
    let roots = try (1...UInt64(leaves.count)).map {
      try gateway.logHead(size: $0, utcMilliseconds: now).root
    }
    let key = gateway.publicKey
    for size in 1...UInt64(leaves.count) {
      for index in 0..<size {
        let proof = try gateway.logInclusion(of: index, size: size, utcMilliseconds: now)
        let proven = try GatewayLogVerifier.verifyInclusion(
          receipt: proof.span, leafHash: leaves[Int(index)].hash, gatewayKey: key)
        #expect(proven.head.size == size && proven.head.root == roots[Int(size) - 1])
        let other = leaves[(Int(index) + 1) % leaves.count].hash
        #expect(
          code { () throws(Refusal) in
            _ = try GatewayLogVerifier.verifyInclusion(
              receipt: proof.span, leafHash: other, gatewayKey: key)
          } == .badSignature)
      }
      for older in 1...size {
        let proof = try gateway.logConsistency(from: older, to: size, utcMilliseconds: now)
        let newer = try GatewayLogVerifier.verifyConsistency(
          receipt: proof.span, olderSize: older, olderRoot: roots[Int(older) - 1],
          gatewayKey: key)
        #expect(newer.root == roots[Int(size) - 1])
        let wrong = roots[Int(older) % roots.count]
        #expect(
          code { () throws(Refusal) in
            _ = try GatewayLogVerifier.verifyConsistency(
              receipt: proof.span, olderSize: older, olderRoot: wrong, gatewayKey: key)
          } != nil)
      }
    }
  }

  @Test func aProofWithAnyBitFlippedIsRefused() throws {
    try fill(9)
    let leaf = try #require(try gateway.store.logLeaves(from: 4, limit: 1).first)
    let root = try gateway.logHead(size: 5, utcMilliseconds: now).root
    let inclusion = try gateway.logInclusion(of: 4, size: nil, utcMilliseconds: now)
    let consistency = try gateway.logConsistency(from: 5, to: nil, utcMilliseconds: now)
    let stranger = try TestDevice(seed: 9).publicKey
    func isRefused(_ proof: [UInt8], _ isInclusion: Bool, key: PublicKey) -> Bool {
      code { () throws(Refusal) in
        if isInclusion {
          let proven = try GatewayLogVerifier.verifyInclusion(
            receipt: proof.span, leafHash: leaf.hash, gatewayKey: key)
          // What leads to the signed root is this leaf's proof, whatever bits have changed.
          guard proven.index == 4 else { throw Refusal(.rootMismatch) }
        } else {
          _ = try GatewayLogVerifier.verifyConsistency(
            receipt: proof.span, olderSize: 5, olderRoot: root, gatewayKey: key)
        }
      } != nil
    }
    for (proof, isInclusion) in [(inclusion, true), (consistency, false)] {
      #expect(!isRefused(proof, isInclusion, key: gateway.publicKey))
      #expect(isRefused(proof, isInclusion, key: stranger))
      // One kind of proof is never taken for the other.
      #expect(isRefused(proof, !isInclusion, key: gateway.publicKey))
      for bit in 0..<proof.count * 8 {
        var spoilt = proof
        spoilt[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(isRefused(spoilt, isInclusion, key: gateway.publicKey), "bit \(bit)")
      }
      for count in 0..<proof.count {
        #expect(isRefused(Array(proof.prefix(count)), isInclusion, key: gateway.publicKey))
      }
    }
  }

  @Test func sizesAndLeavesThatTheLogDoesNotHaveAreRefused() throws {
    try fill(3)
    let size = try gateway.logSize()
    for wrong in [size + 1, UInt64(Int64.max), UInt64(Int64.max) + 1, .max] {
      #expect(throws: LogFailure.beyondTheLog(size: size)) {
        _ = try gateway.logHead(size: wrong, utcMilliseconds: now)
      }
      #expect(throws: LogFailure.beyondTheLog(size: size)) {
        _ = try gateway.logInclusion(of: wrong, size: nil, utcMilliseconds: now)
      }
      #expect(throws: LogFailure.sizesOutOfOrder) {
        _ = try gateway.logConsistency(from: wrong, to: size, utcMilliseconds: now)
      }
      #expect(try gateway.store.logLeaves(from: wrong, limit: 10).isEmpty)
    }
    #expect(throws: LogFailure.sizesOutOfOrder) {
      _ = try gateway.logConsistency(from: 0, to: size, utcMilliseconds: now)
    }
    #expect(throws: LogFailure.sizesOutOfOrder) {
      _ = try gateway.logHead(size: 0, utcMilliseconds: now)
    }
    #expect(throws: LogFailure.beyondTheLog(size: 2)) {
      _ = try gateway.logInclusion(of: 2, size: 2, utcMilliseconds: now)
    }
  }

  @Test func theFirstHeadOfAllBeginsTheLog() throws {
    let fresh = try TestGateway.make()
    #expect(try fresh.logSize() == 0)
    let head = try fresh.logHead(utcMilliseconds: now)
    #expect(head.size == 1)
    let leaf = try #require(try fresh.store.logLeaves(from: 0, limit: 1).first)
    #expect(leaf.kind == .firstKey && leaf.document == fresh.publicKey.bytes.array)
    #expect(head.root == leaf.hash)
  }

  @Test func aLeafIsFoundByItsHashAndByThoseOfItsDocuments() throws {
    try fill(2)
    _ = try gateway.challenge(for: .everybody, utcMilliseconds: now)
    let saved = device.log
    let forked = try device.seal([TestLeaf.reading([7], at: 9)])
    device.log = saved
    try fill(1)
    #expect(gateway.receive(forked).code == .fork)
    let leaves = try gateway.store.logLeaves(from: 0, limit: 100)
    #expect(
      leaves.map(\.kind)
        == [.firstKey, .enrolment, .receipt, .receipt, .challenge, .receipt, .fork])
    for leaf in leaves {
      #expect(try gateway.store.logLeaf(named: leaf.hash) == .found(leaf))
      for hash in try leaf.documentHashes {
        guard case .found(let found) = try gateway.store.logLeaf(named: hash) else {
          Issue.record("leaf \(leaf.index) is not found")
          continue
        }
        #expect(try found.documentHashes.contains(hash))
      }
    }
    // Eight bytes of it are not enough.
    var near = leaves[2].hash
    near[31] ^= 1
    #expect(try gateway.store.logLeaf(named: near) == .notInTheLog)
  }

  @Test func aSearchLooksAtAPartOfALargeLogAndGoesOnFromThere() throws {
    let issued = try gateway.challenge(for: .everybody, utcMilliseconds: now)
    let count = Int(GatewayStore.maximumNamedCount) + 100
    try gateway.store.database.write { database in
      for _ in 0..<count {
        try gateway.log.append(
          .message(.challenge, issued.message), utcMilliseconds: now, in: database)
      }
    }
    let last = try #require(try gateway.store.logLeaves(from: UInt64(count) + 2, limit: 1).first)
    let size = try gateway.logSize()
    #expect(last.index == size - 1)
    var unknown = last.hash
    unknown[0] ^= 1
    let named = GatewayStore.maximumNamedCount
    #expect(try gateway.store.logLeaf(named: unknown) == .goesOn(named: named, size: size))
    #expect(try gateway.store.logLeaf(named: unknown) == .notInTheLog)
    guard case .found(let found) = try gateway.store.logLeaf(named: last.hash) else {
      Issue.record("the last leaf is not found")
      return
    }
    #expect(found.hash == last.hash)
  }
}
