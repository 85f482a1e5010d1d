import CBOR
import Delivery
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// Watches the gateway: keeps the newest head of its log, and the evidence when two can't both be true
/// (docs/delivery-protocol.md, the gateway's heads). Delivery goes on whatever is found.
extension Uplink where Transport: ~Copyable {
  /// When the gateway could not be asked: long enough to be no burden.
  private static var secondLookMilliseconds: Int64 { 300_000 }

  /// Within the first seconds, so that a region that has power again does not ask at once.
  static func firstLook(_ clock: SystemClock) -> Int64 {
    clock.bootMilliseconds() + Int64(randomWord() % 3000)
  }

  /// After the start, and then about each hour.
  mutating func lookAtGateway() {
    guard let gatewayKey, clock.bootMilliseconds() >= nextHead else { return }
    nextHead = clock.bootMilliseconds() + Self.secondLookMilliseconds
    // What can't be reached is not asked for more.
    if case .waiting = machine.state { return }
    guard mayAsk() else { return }
    let path = FixedText<128>("/v1/log/head")
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: path.span, accept: Self.acceptedDocument, into: &span)
      nextHead =
        clock.bootMilliseconds()
        + intervalMilliseconds(
          Int64(Backoff.blockedMilliseconds(randomWord: randomWord())), share: 50)
      // A gateway without a log, or a captive portal.
      guard Self.isDocument(response, atMost: 512) else { return }
      take(head: span.span.extracting(0..<response.byteCount), gatewayKey)
    } catch {
      // Delivery says when the gateway can't be reached; only that this was given up, nobody else does.
      if error.isStop { say(error) }
    }
  }

  private mutating func take(head message: Span<UInt8>, _ gatewayKey: PublicKey) {
    var keys = Self.knownKeys(paths, gatewayKey)
    let head: GatewayHead
    do throws(Refusal) {
      if Self.keyID(ofHead: message) != keys.newest.keyID, followKeys() {
        keys = Self.knownKeys(paths, gatewayKey)
      }
      head = try GatewayHead(verifying: message, gatewayKey: keys.newest)
    } catch {
      say("the head of the gateway's log is not taken:", detail: error.code.name.bytes)
      return
    }
    let clock = keptClock()
    if let clock, head.isAhead(of: clock) {
      return say(
        "the head of the gateway's log is not taken: it was signed more than a day after this board's time. Look at the gateway's clock"
      )
    }
    var heldBytes = InlineArray<512, UInt8>(repeating: 0)
    var heldSpan = heldBytes.mutableSpan
    let heldCount = readHead(into: &heldSpan)
    let held = heldBytes.span.extracting(0..<heldCount)
    guard let heldHead = Self.verified(held, keys) else {
      return store(message, at: paths.gatewayHead)
    }
    switch head.finding(after: heldHead, clock: clock) {
    case .same:
      if head.nowUTCMilliseconds > heldHead.nowUTCMilliseconds
        || clock.map({ heldHead.isAhead(of: $0) }) == true
      {
        store(message, at: paths.gatewayHead)
      }
    case .grown: prove(head, message, after: heldHead, held, keys.newest)
    case .outdated:
      say("the head of the gateway's log is older than the one held: an answer from before")
    case .clockWentBack:
      say(
        "the head of the gateway's log is not taken: it was signed before a smaller one. Look at the gateway's clock"
      )
    case .contradiction(let kind): keepEvidence(kind, held: held, other: message, proof: Span())
    }
  }

  /// Asks for the proof that the log only grew.
  private mutating func prove(
    _ head: GatewayHead, _ message: Span<UInt8>, after held: GatewayHead, _ heldBytes: Span<UInt8>,
    _ key: PublicKey
  ) {
    var path = TextBuilder<128>()
    path.append("/v1/log/proof?first=")
    path.append(held.size)
    path.append("&second=")
    path.append(head.size)
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: path.span, accept: Self.acceptedDocument, into: &span)
      guard Self.isDocument(response, atMost: GatewayContradiction.maximumProofByteCount) else {
        return say(
          "the gateway gives no proof that its log has only grown; its newest head is not taken")
      }
      let proof = span.span.extracting(0..<response.byteCount)
      do throws(Refusal) {
        try head.verifyGrowth(since: held, proof: proof, key: key)
        store(message, at: paths.gatewayHead)
      } catch {
        guard error.code == .rootMismatch else {
          return say(
            "what the gateway gives as the proof that its log has only grown is none:",
            detail: error.code.name.bytes)
        }
        keepEvidence(.failedProof, held: heldBytes, other: message, proof: proof)
      }
    } catch {
      if error.isStop { say(error) }
    }
  }

  /// Once: what was found first is not overwritten.
  private mutating func keepEvidence(
    _ kind: GatewayContradiction.Kind, held: Span<UInt8>, other: Span<UInt8>, proof: Span<UInt8>
  ) {
    say(kind.meaning)
    do throws(FileFailure) {
      _ = try FileIdentity(at: paths.gatewayContradiction)
      say(
        "An earlier contradiction of the gateway stands in gateway-contradiction.cbor, and stays there. Delivery goes on"
      )
    } catch {
      var bytes = InlineArray<2660, UInt8>(repeating: 0)
      let count = GatewayContradiction.encode(
        kind, held: held, other: other, proof: proof, into: bytes.mutableSpan)
      store(bytes.span.extracting(0..<count), at: paths.gatewayContradiction)
      say(
        "What it signed is kept in gateway-contradiction.cbor. Delivery goes on: ask the gateway's operator, and choose"
      )
    }
  }

  // MARK: parts

  private static func keyID(ofHead message: Span<UInt8>) -> KeyID? {
    do throws(CBORDecoder.Failure) { return try GatewayHead(decoding: message).keyID } catch {
      return nil
    }
  }

  /// What is held, when it is a head by a key that the gateway has or had.
  private static func verified(_ message: Span<UInt8>, _ keys: GatewayKeyChain) -> GatewayHead? {
    guard let keyID = keyID(ofHead: message), let key = keys.key(withID: keyID) else { return nil }
    do throws(Refusal) { return try GatewayHead(verifying: message, gatewayKey: key) } catch {
      return nil
    }
  }

  private func readHead(into span: inout MutableSpan<UInt8>) -> Int {
    do throws(FileFailure) { return try readFile(paths.gatewayHead, into: &span) } catch {
      return 0
    }
  }

  /// UTC, when somebody keeps this board's clock.
  func keptClock() -> Int64? {
    do throws(SystemError) {
      return try clock.synchronisation().isSynchronised ? clock.utcMilliseconds() : nil
    } catch { return nil }
  }
}
