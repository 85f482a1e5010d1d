import Coverage
import FixedMemory
import Identity
import LinuxPlatform
import LoRa
import NodeConfiguration
import NodeFiles
import Proofs
import Signers

/// What an agent that transmits begins with.
struct BeaconStart: ~Copyable {
  /// Nil: nothing is transmitted.
  var node: BeaconNode?
  var airtime: AirtimeLedger?
  /// What the enrolment says of a chain.
  var anchor = AnchorWanted.none
}

/// What the enrolment is to say of a chain.
enum AnchorWanted {
  case none
  /// The chain can't be read: what is enrolled stays.
  case unchanged
  case anchor(Anchor)
}

/// Opens the chain and the airtime of the last hour, for a site that transmits. A chain that can't be read is said, and
/// left alone: then the agent measures and hears, and sends no beacon.
func openBeacons(
  _ paths: NodePaths, _ site: borrowing SiteConfiguration, keyHash: Digest
) -> BeaconStart {
  var start = BeaconStart()
  guard let radio = site.radio, radio.transmits,
    let region = RegionPlan.Region(name: radio.region.span)
  else { return start }
  let plan = RegionPlan(region)
  let found = openChain(paths.chain)
  var chain = HashChain()
  var first = UInt64.max
  switch found {
  case .missing: break
  case .refused: start.anchor = .unchanged
  case .record(let record):
    chain = HashChain(secret: record.secret)
    first = record.firstNumber
    start.anchor = .anchor(Anchor(firstLink: first, value: chain.anchor))
  }
  var isNew = false
  if case .missing = found { isNew = true }
  let ledger = AirtimeLedger(paths.airtime, plan: plan, isNew: isNew)
  let now = NodeTime(milliseconds: 0, utcMilliseconds: nil, uncertaintyMilliseconds: 0)
  start.node = BeaconNode(
    setup: BeaconNode.Setup(
      keyHash: keyHash, firstNumber: first, plan: plan,
      transmitter: Transmitter(
        maximumCentidecibelMilliwatts: Int32(clamping: radio.transmitPowerCentidBm),
        antennaGainCentidecibels: Int32(clamping: radio.antennaGainCentidBi),
        cableLossCentidecibels: Int32(clamping: radio.cableLossCentidB))),
    chain: chain, attemptedNumber: ledger.attemptedNumber, now: now)
  start.airtime = ledger
  if plan.transmission != .allowed {
    var text = TextBuilder<512>()
    text.append("cairn-agent: [radio] transmit: ")
    text.append(RegionPlan.Refusal.needsListenBeforeTalk.explanation)
    tellOperator(&text)
  }
  return start
}

/// Makes a chain that serves challenges from `firstNumber` on. It is durable when this returns; nil: it could not be
/// kept, which was said.
func makeChain(_ path: FixedPath, firstNumber: UInt64, version: UInt64) -> HashChain? {
  var secret = Digest()
  var secretSpan = secret.mutableSpan
  fillRandom(&secretSpan)
  var bytes = InlineArray<64, UInt8>(repeating: 0)
  let record = ChainRecord(
    secret: secret, firstNumber: firstNumber, enrolmentVersion: version)
  let count = record.encode(into: bytes.mutableSpan)
  do throws(FileFailure) {
    try atomicReplace(path, with: bytes.span.extracting(0..<count), mode: 0o600)
  } catch {
    tellChain(path, "can't be written: no beacon is sent")
    return nil
  }
  return HashChain(secret: secret)
}

private enum FoundChain {
  case missing
  /// It was said why.
  case refused
  case record(ChainRecord)
}

private func openChain(_ path: FixedPath) -> FoundChain {
  var bytes = InlineArray<64, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  do throws(SystemError) {
    let facts = try FileFacts(at: path)
    guard facts.mode & 0o077 == 0, facts.ownerID == effectiveUserID else {
      tellChain(
        path,
        "others can read or replace it, so it may be known: no beacon is sent. If nobody did: chmod 600, chown"
      )
      return .refused
    }
  } catch {
    // What reading says of it.
  }
  do throws(FileFailure) {
    let count = try readFile(path, into: &span)
    do throws(RecordCheck.Failure) {
      return .record(try ChainRecord(decoding: span.span.extracting(0..<count)))
    } catch {
      tellChain(
        path,
        error == .unsupportedVersion
          ? "was written by a later version of Cairn: no beacon is sent"
          : "is damaged: no beacon is sent. Restore it, or move it away: then a new chain begins")
    }
  } catch {
    if error == .notFound { return .missing }
    tellChain(
      path,
      "can't be read as a chain: no beacon is sent. Mend it, or move it away: then a new one begins"
    )
  }
  return .refused
}

private func tellChain(_ path: FixedPath, _ what: StaticString) {
  var text = TextBuilder<512>()
  text.append("cairn-agent: ")
  text.append(path.span)
  text.append(": ")
  text.append(what)
  tellOperator(&text)
}

/// A line on standard error. Without a reader of it the agent goes on all the same.
func tellOperator(_ text: inout TextBuilder<512>) {
  text.append("\n")
  do throws(SystemError) { try StandardStream.error.write(text) } catch {}
}
