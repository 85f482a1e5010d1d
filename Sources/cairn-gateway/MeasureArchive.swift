import Archive
import FixedMemory
import Foundation
import GatewayStore
import HostCryptography
import Proofs
import Signers
import Verifier

/// Measures the export of a store and its verification, against the bare signature checks and hashes that
/// verifying needs.
struct MeasureArchive {
  let archive: String
  /// One of the signatures to be checked, with what it is of.
  let sample: (signature: Signature, signed: [UInt8], key: PublicKey)
  let readings: Int

  func run(store: String, key: inout FileKey) throws -> String {
    let exported = try seconds {
      let writer = try ArchiveWriter(to: archive)
      try GatewayStore.export(storeAt: store, to: writer, signingWith: &key)
    }
    var report = ArchiveReport()
    let verified = try seconds { report = try ArchiveVerifier(folder: archive).run() }
    guard report.findings.allSatisfy({ $0.severity == .warning }), report.isLogSigned else {
      throw OperatorError(.software, "an archive that was just made is not good: \(report.verdict)")
    }
    let bare = try seconds { try bareCalls(of: report) }
    return """
      archive of \(report.counts.leaves) leaves, \(report.counts.batches) batches of \(readings) \
      readings, \(report.counts.keys) devices
      export                      \(text(exported)) s
      verify                      \(text(verified)) s
      bare Ed25519 and SHA-256    \(text(bare)) s
      verify / bare               \(text(verified / bare))
      """
  }

  /// The checks of each checkpoint, receipt and enrolment; two hashes of each leaf in either tree, and one of
  /// what each signature is of.
  private func bareCalls(of report: ArchiveReport) throws {
    let leaf = [UInt8](repeating: 7, count: 234)
    let reading = [UInt8](repeating: 7, count: 28)
    var hash = Digest()
    for _ in 0..<report.counts.leaves {
      hash = OpenSSLTreeHash.nodeHash(hash, OpenSSLTreeHash.leafHash(leaf.span))
    }
    for _ in 0..<report.counts.deviceLeaves {
      hash = OpenSSLTreeHash.nodeHash(hash, OpenSSLTreeHash.leafHash(reading.span))
    }
    for _ in 0..<2 * report.counts.batches + report.counts.enrolments {
      hash = SHA256.hash(sample.signed.span)
      guard SignatureCheck.verifies(sample.signature, of: sample.signed.span, by: sample.key) else {
        throw OperatorError(.software, "a signature that was just made does not verify").told()
      }
    }
    guard !hash.isZero else { throw OperatorError(.software, "a hash of zeros").told() }
  }

  private func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try work()
    return (ContinuousClock.now - start) / .seconds(1)
  }

  private func text(_ value: Double) -> String { String(format: "%.2f", value) }
}
