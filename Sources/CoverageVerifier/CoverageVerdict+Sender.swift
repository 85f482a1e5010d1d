import Coverage
import Identity
import LoRa
import Proofs
import Records

/// The checks of a beacon, and what they bring to light for its witnesses.
struct SenderJudgement {
  typealias Figure = VerdictCheck.Figure

  let evidence: BeaconEvidence
  private let links: VerifiedLinks
  private(set) var order: BeaconOrder?
  var draw: BeaconDraw?
  var derived: BeaconVerdict.Derived?
  /// When the beacon began, with the sender's uncertainty.
  var start: (milliseconds: Int64, uncertainty: Int64)?
  /// From when on the reveal could be read.
  private(set) var readableUTCMilliseconds: Int64?
  let isSimulated: Bool

  init(_ evidence: BeaconEvidence, _ links: VerifiedLinks) {
    self.evidence = evidence
    self.links = links
    isSimulated =
      evidence.intents.contains(where: \.isSimulated)
      || evidence.sents.contains(where: \.isSimulated)
      || (evidence.reveals + evidence.earlyReveals).contains(where: \.isSimulated)
  }

  mutating func judge(_ list: inout CheckList) throws(CheckList.Failed) {
    let order = try challenge(&list)
    self.order = order
    try list.identity(evidence.sender, order.window.startUTCMilliseconds)
    let intent = try intent(order, &list)
    let index = try chain(order, &list)
    try reveal(order, index, &list)
    guard let draw else { return }
    try list.check(
      "frame is the intended one", draw.frame.hash == intent.value.frameHash, else: .tagMismatch,
      [Figure("frame", draw.frame.bytes), Figure("intent", intent.value.frameHash)])
    try transmission(order, draw, intent, &list)
  }

  /// What the chain drew for the window, whatever became of the beacon; nil while no reveal shows it.
  mutating func drawn() -> (order: BeaconOrder, draw: BeaconDraw)? {
    var list = CheckList()
    do throws(CheckList.Failed) {
      let order = try challenge(&list)
      try list.identity(evidence.sender, order.window.startUTCMilliseconds)
      try reveal(order, try chain(order, &list), &list)
      return draw.map { (order, $0) }
    } catch { return nil }
  }

  private func challenge(_ list: inout CheckList) throws(CheckList.Failed) -> BeaconOrder {
    let given = evidence.challenge
    try list.check(
      "challenge is in the gateway's log", given.isLogged, else: .challengeUnknown,
      [Figure("challenge", given.hash), Figure("number", given.challenge.number)])
    guard let order = BeaconOrder(given.challenge) else {
      try list.check("challenge asks for beacons", false, else: .challengeUnknown)
      throw CheckList.Failed(reason: .challengeUnknown)
    }
    let start = order.window.startUTCMilliseconds
    try list.check(
      "challenge is in force when its window begins",
      given.challenge.isInForce(atUTCMilliseconds: start), else: .challengeExpired,
      [
        Figure("issued", given.challenge.issuedUTCMilliseconds), Figure("window", start),
        Figure("validSeconds", given.challenge.validSeconds),
      ])
    let others = given.othersOfThisNumber.filter { $0 != given.hash }
    try list.check(
      "number is this challenge's only", others.isEmpty, else: .numberReused,
      [Figure("others", others.count)])
    return order
  }

  private func intent(_ order: BeaconOrder, _ list: inout CheckList) throws(CheckList.Failed)
    -> ArchivedLeaf<BeaconIntent>
  {
    let own = evidence.intents.filter { $0.value.number == order.number }
    guard let first = own.min(by: { $0.isBefore($1) }) else {
      try list.check("intent is there", false, else: .noIntent)
      throw CheckList.Failed(reason: .noIntent)
    }
    try list.check("intent is there", true, else: .noIntent, [Figure("leaf", first.index)])
    try list.standing("intent", first)
    // The same frame again is a restarted agent's.
    let isOne = own.allSatisfy { $0.value.frameHash == first.value.frameHash }
    try list.check(
      "intents of this number are one", isOne, else: .numberReused, [Figure("intents", own.count)])
    let before = evidence.challengeLeaves.first {
      $0.value == evidence.challenge.hash && $0.isBefore(first) && $0.standing == .sound
    }
    try list.check(
      "challenge is in the log before the intent", before != nil, else: .challengeNotLogged,
      [Figure("challenge", before?.index), Figure("intent", first.index)])
    return first
  }

  /// The place of this challenge in the chain that was in force when it was issued.
  private func chain(_ order: BeaconOrder, _ list: inout CheckList) throws(CheckList.Failed)
    -> (link: Int, anchor: Digest)
  {
    let issued = evidence.challenge.challenge.issuedUTCMilliseconds
    let inForce = evidence.sender.chain(forChallengeIssuedAt: issued)
    let index = inForce.flatMap {
      HashChain.index(ofChallenge: order.number, firstNumber: $0.anchor.firstLink)
    }
    try list.check(
      "chain was enrolled before the challenge, and serves it", index != nil,
      else: .chainNotValid,
      [
        Figure("enrolled", inForce?.loggedUTCMilliseconds), Figure("issued", issued),
        Figure("firstNumber", inForce?.anchor.firstLink),
      ])
    guard let index, let anchor = inForce?.anchor.value else {
      throw CheckList.Failed(reason: .chainNotValid)
    }
    return (index, anchor)
  }

  /// The link, from the first reveal of this number or a later one that leads to the anchor. Others are passed over:
  /// who writes false ones hides nothing.
  private mutating func reveal(
    _ order: BeaconOrder, _ place: (link: Int, anchor: Digest), _ list: inout CheckList
  ) throws(CheckList.Failed) {
    let later = evidence.reveals.filter { $0.value.number >= order.number }
      .sorted {
        ($0.value.number, $0.epoch, $0.index) < ($1.value.number, $1.epoch, $1.index)
      }
    let sound = later.filter { $0.standing == .sound && !$0.isInClosedEpoch }
    let leading = Self.firstOfNumbers(sound).first { reveal in
      links.leads(
        reveal.value.link, at: place.link + Int(reveal.value.number - order.number),
        to: place.anchor)
    }
    guard let decisive = leading ?? sound.first ?? later.first else {
      return try list.check("reveal is there", false, else: .noReveal)
    }
    try list.check(
      "reveal is there", true, else: .noReveal,
      [Figure("leaf", decisive.index), Figure("number", decisive.value.number)])
    try list.standing("reveal", decisive)
    try list.check(
      "link leads to the anchor", leading != nil, else: .chainMismatch,
      [Figure("link", place.link), Figure("anchor", place.anchor)])
    let distance = Int(decisive.value.number - order.number)
    guard let link = HashChain.before(decisive.value.link, by: distance) else { return }
    draw = BeaconDraw(
      link: link, nonce: order.nonce, keyHash: evidence.sender.keyHash, number: order.number,
      policy: order.policy)
    // Of those too that lead nowhere: whether a link was to be read then is not asked of who wrote false ones.
    let receipts = (later + evidence.earlyReveals).compactMap(\.receiptUTCMilliseconds)
    readableUTCMilliseconds = min(
      order.window.revealUTCMilliseconds, receipts.min() ?? .max)
  }

  /// Of each number the one with the first place in the log alone: whether a reveal shows anything does not depend on
  /// the window that is asked for.
  private static func firstOfNumbers(
    _ ordered: [ArchivedLeaf<BeaconReveal>]
  ) -> [ArchivedLeaf<BeaconReveal>] {
    var last: UInt32?
    return ordered.filter { reveal in
      defer { last = reveal.value.number }
      return reveal.value.number != last
    }
  }
}
