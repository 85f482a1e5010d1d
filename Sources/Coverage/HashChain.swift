import FixedMemory
import Proofs

/// A chain of hashes, made from its end: link i - 1 = SHA-256("cairn-chain-v1" ‖ link i). Its beginning, link 0, is the
/// anchor that the enrolment has; each beacon reveals one link more.
///
///     anchor = link 0 ◀─ link 1 ◀─ … ◀─ link 65 536: 32 random bytes, kept beside the key
///
/// Each 256th link is kept, so that any other is at most 255 hashes away.
public struct HashChain: ~Copyable {
  /// A link for each window of 15 minutes in 682 days.
  public static var linkCount: Int { 65_536 }
  private static var step: Int { 256 }

  /// kept[k] is link 256 · (k + 1): 256 of 32 bytes, 8 KiB.
  private var kept = InlineArray<256, Digest>(repeating: Digest())
  public let anchor: Digest
  private let isEmpty: Bool

  /// None: it has no links.
  public init() {
    anchor = Digest()
    isEmpty = true
  }

  /// - `secret`: the last link, 32 random bytes.
  public init(secret: Digest) {
    var link = secret
    var index = Self.linkCount
    while index > 0 {
      if index % Self.step == 0 { kept[index / Self.step - 1] = link }
      link = Self.before(link)
      index -= 1
    }
    anchor = link
    isEmpty = false
  }

  /// Link `index`, 1 to 65 536; nil outside: the chain has not begun, or has ended.
  public func link(_ index: Int) -> Digest? {
    guard !isEmpty, index >= 1, index <= Self.linkCount else { return nil }
    let block = (index - 1) / Self.step
    var link = kept[block]
    for _ in index..<(block + 1) * Self.step { link = Self.before(link) }
    return link
  }

  /// The link before this one.
  public static func before(_ link: Digest) -> Digest {
    var hash = SHA256()
    hash.update(StaticString("cairn-chain-v1").bytes)
    hash.update(link.span)
    return hash.finish()
  }

  /// The link `count` before this one, 0 to 65 536 of them; nil for another count.
  public static func before(_ link: Digest, by count: Int) -> Digest? {
    guard count >= 0, count <= linkCount else { return nil }
    var link = link
    for _ in 0..<count { link = before(link) }
    return link
  }

  /// The link that belongs to challenge `number` of a chain that serves challenges from `firstNumber` on; nil
  /// where it serves none.
  public static func index(ofChallenge number: UInt32, firstNumber: UInt64) -> Int? {
    guard UInt64(number) >= firstNumber else { return nil }
    let distance = UInt64(number) - firstNumber
    return distance < UInt64(linkCount) ? Int(distance) + 1 : nil
  }
}
