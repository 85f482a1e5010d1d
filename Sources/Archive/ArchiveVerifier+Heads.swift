import CBOR
import FixedMemory
import Foundation
import Proofs
import Records
import Verifier

/// The signed head of the archive, and those that somebody kept, against the roots of the log.
extension ArchiveVerifier {
  /// A head whose form is right.
  struct ReadHead {
    let head: GatewayHead
    let bytes: [UInt8]
  }

  func readHead() throws(ArchiveFailure) -> ReadHead? {
    let path = folder + "/" + ArchiveFormat.File.head.rawValue
    let handle = try ArchiveFile.open(path)
    let bytes: [UInt8]
    do {
      bytes = Array(try handle.read(upToCount: 4096) ?? Data())
    } catch {
      throw ArchiveFailure(path, error)
    }
    do throws(CBORDecoder.Failure) {
      return ReadHead(head: try GatewayHead(decoding: bytes.span), bytes: bytes)
    } catch {
      findings.add(.headDamaged, "no head: \(error.words)", at: place(.head, 0))
      return nil
    }
  }

  /// Notes the sizes at which roots are needed.
  func wantHeads(_ head: ReadHead?) {
    var sizes: Set<UInt64> = []
    if let head { sizes.insert(head.head.size) }
    for kept in keptHeads {
      if let size = Self.read(kept)?.head.size { sizes.insert(size) }
    }
    wantedSizes = sizes.sorted()
  }

  private static func read(_ kept: KeptHead) -> ReadHead? {
    do throws(CBORDecoder.Failure) {
      return ReadHead(head: try GatewayHead(decoding: kept.bytes.span), bytes: kept.bytes)
    } catch {
      return nil
    }
  }

  /// The head is the gateway's, and for exactly these leaves: only then is anybody bound by them.
  func judge(_ head: ReadHead?) {
    if let trustedKey {
      let isTrusted = chain.contains { $0.key == trustedKey }
      report.isKeyTrusted = isTrusted
      if !isTrusted {
        findings.add(
          .gatewayForeign, "the log begins with key \(chain.first?.key.hash.short ?? "none")",
          at: place(.log, 0, leaf: 0))
      }
    }
    guard let head else { return }
    report.head = head.head
    let isSigned = signer(of: head, isAnyOfChain: false) != nil
    if !isSigned {
      findings.add(
        .headUnsigned, "signed under key identifier \(head.head.keyID.hex)", at: place(.head, 0),
        evidence(head.bytes.span, "head"))
    }
    let isSame = head.head.size == frontier.size && roots[frontier.size] == head.head.root
    if !isSame {
      let here = roots[frontier.size]?.hex ?? "none"
      let why =
        head.head.size == frontier.size
        ? "its root is \(head.head.root.hex), and here it is \(here)"
        : "it is for \(head.head.size) leaves, and \(frontier.size) are here"
      findings.add(
        .headMismatch, why, at: place(.head, 0), evidence(head.bytes.span, "head"))
    }
    report.isLogSigned = isSigned && isSame && !findings.has(.logDamaged)
  }

  /// The key of the chain that has signed a head. Without `isAnyOfChain` only one that was in force at its
  /// size: the one before a key change covers the change.
  private func signer(of head: ReadHead, isAnyOfChain: Bool) -> PublicKey? {
    for (index, entry) in chain.enumerated() where entry.key.keyID == head.head.keyID {
      let end = index + 1 < chain.count ? chain[index + 1].fromSize : .max
      guard isAnyOfChain || (entry.fromSize...end).contains(head.head.size) else { continue }
      do throws(Refusal) {
        _ = try GatewayHead(verifying: head.bytes.span, gatewayKey: entry.key)
        return entry.key
      } catch {
        continue
      }
    }
    return nil
  }

  func judgeKeptHeads(_ head: ReadHead?) {
    for kept in keptHeads {
      report.counts.keptHeads += 1
      let at = Finding.Place(file: kept.file)
      guard let read = Self.read(kept), signer(of: read, isAnyOfChain: true) != nil else {
        findings.add(
          .headForeign, "not signed by one of this gateway's keys, or no head at all", at: at)
        continue
      }
      judge(read, at, archive: head)
    }
  }

  private func judge(_ kept: ReadHead, _ at: Finding.Place, archive: ReadHead?) {
    let isInForce = signer(of: kept, isAnyOfChain: false) != nil
    var both = evidence(kept.bytes.span, "kept head")
    if let archive { both += evidence(archive.bytes.span, "head of the archive") }
    func contradict(_ what: String) {
      findings.add(isInForce ? .twoHistories : .headOldKey, what, at: at, both)
    }
    let size = kept.head.size
    if size <= frontier.size {
      if roots[size] == kept.head.root {
        report.counts.agreeingHeads += 1
      } else if report.isLogSigned {
        contradict(
          "of \(size) leaves the gateway signed root \(kept.head.root.short), and here it is \(roots[size]?.short ?? "none")"
        )
      } else if let archive, archive.head.size == size, archive.head.root != kept.head.root,
        signer(of: archive, isAnyOfChain: true) != nil
      {
        contradict("two signed heads of \(size) leaves have different roots")
      } else {
        findings.add(
          .headMismatch,
          "of \(size) leaves it has root \(kept.head.root.short), and here it is \(roots[size]?.short ?? "none")",
          at: at, both)
      }
      return
    }
    if let archive, archive.head.size < size,
      archive.head.nowUTCMilliseconds > kept.head.nowUTCMilliseconds,
      signer(of: archive, isAnyOfChain: true) != nil
    {
      contradict(
        "it had \(size) leaves, and \(archive.head.nowUTCMilliseconds - kept.head.nowUTCMilliseconds) ms later only \(archive.head.size)"
      )
    } else {
      findings.add(.headBeyond, "it is for \(size) leaves, and \(frontier.size) are here", at: at)
    }
  }
}
