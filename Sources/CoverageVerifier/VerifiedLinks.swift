import Coverage
import FixedMemory
import Proofs
import Synchronization

/// Links of which it has been seen that they lead to their anchor: the next one of the same chain has less far to go.
/// A memory and nothing else: with it or without it the answer is the same, as nobody finds two links that hash to one.
public final class VerifiedLinks: Sendable {
  /// Every so many links one is kept: at most so many hashes, 0.1 ms, from a link to a kept one.
  static let step = 256
  /// 65 536 / 256 links of 32 bytes for each chain: 8 MiB in all. They all go when one more comes.
  static let maximumChainCount = 1_024
  /// Answers to what was asked, of 100 bytes: 6.5 MB. They all go when one more comes.
  static let maximumAnswerCount = 65_536

  private struct Chain: Hashable {
    let low: UInt64
    let high: UInt64

    init(_ anchor: Digest) {
      low = anchor.span.loadLittleEndian(UInt64.self, at: 0)
      high = anchor.span.loadLittleEndian(UInt64.self, at: 8)
    }
  }

  private struct Known {
    let anchor: Digest
    var links: [Int: Digest] = [:]
  }

  private struct Place: Hashable {
    let chain: Chain
    let index: Int
  }

  private struct Answer {
    let link: Digest
    let anchor: Digest
    let leads: Bool
  }

  /// So that a false link costs its way to the anchor once, not with each window before it.
  private let answers = Mutex<[Place: Answer]>([:])
  private let chains = Mutex<[Chain: Known]>([:])

  public init() {}

  /// Whether link `index` leads to the anchor.
  func leads(_ link: Digest, at index: Int, to anchor: Digest) -> Bool {
    guard (0...HashChain.linkCount).contains(index) else { return false }
    let place = Place(chain: Chain(anchor), index: index)
    if let known = answers.withLock({ $0[place] }), known.link == link, known.anchor == anchor {
      return known.leads
    }
    let leads = follow(link, at: index, to: anchor)
    answers.withLock { answers in
      if answers.count >= Self.maximumAnswerCount { answers.removeAll() }
      answers[place] = Answer(link: link, anchor: anchor, leads: leads)
    }
    return leads
  }

  private func follow(_ link: Digest, at index: Int, to anchor: Digest) -> Bool {
    let chain = Chain(anchor)
    let known = chains.withLock { chains in chains[chain] }
    // Two anchors with one beginning: nobody makes them, and they would only not be remembered.
    let links = known?.anchor == anchor ? known?.links ?? [:] : [:]
    var passed: [(index: Int, link: Digest)] = []
    var (place, current) = (index, link)
    var isRight: Bool?
    while isRight == nil {
      if place == 0 {
        isRight = current == anchor
      } else if place % Self.step == 0, let other = links[place] {
        isRight = current == other
      } else {
        if place % Self.step == 0 { passed.append((place, current)) }
        current = HashChain.before(current)
        place -= 1
      }
    }
    if isRight == true, !passed.isEmpty { remember(passed, chain, anchor) }
    return isRight ?? false
  }

  private func remember(
    _ passed: [(index: Int, link: Digest)], _ chain: Chain, _ anchor: Digest
  ) {
    chains.withLock { chains in
      if chains[chain] == nil, chains.count >= Self.maximumChainCount { chains.removeAll() }
      guard chains[chain, default: Known(anchor: anchor)].anchor == anchor else { return }
      for (index, link) in passed {
        chains[chain, default: Known(anchor: anchor)].links[index] = link
      }
    }
  }
}
