import AgentMessages
import CBOR
import Delivery
import FixedMemory
import Identity
import LinuxPlatform
import NodeFiles
import Proofs
import Records

/// What the node says of itself: posted when it is new, its answer kept, and learned back from a gateway that
/// has more of it than the agent.
extension Uplink where Transport: ~Copyable {
  /// Tells the gateway what the agent says of this node now: another place, an owner's word. What a gateway
  /// doesn't know of the node it asks for by itself.
  mutating func postChangedEnrolment() {
    guard clock.bootMilliseconds() >= nextEnrolment else { return }
    nextEnrolment = clock.bootMilliseconds() + Self.enrolmentLookMilliseconds
    var body = InlineArray<1024, UInt8>(repeating: 0)
    var span = body.mutableSpan
    let count = readEnrolment(into: &span)
    guard count > 0, SHA256.hash(body.span.extracting(0..<count)) != settledEnrolment else {
      return
    }
    switch sendKey() {
    case .enrolled: say("the gateway has this node's enrolment")
    case .refused(let code):
      // Of an outdated one the agent may learn the newest first.
      if !isEnrolmentWanted || agent == nil { sayReason(.refused(code: code)) }
    // Not heard: again at the next look.
    default: settledEnrolment = nil
    }
  }

  /// A minute: who edits the site file looks at the journal meanwhile.
  static var enrolmentLookMilliseconds: Int64 { 60_000 }

  private func readEnrolment(into span: inout MutableSpan<UInt8>) -> Int {
    do throws(FileFailure) { return try readFile(paths.enrolment, into: &span) } catch { return 0 }
  }

  /// Posts the enrolment that the agent keeps.
  mutating func sendKey() -> DeliveryStateMachine.Event {
    var body = InlineArray<1024, UInt8>(repeating: 0)
    var bodySpan = body.mutableSpan
    let count = readEnrolment(into: &bodySpan)
    guard count > 0 else {
      say("the agent has not written its enrolment yet; the gateway can't be told of this node")
      return .tryLater(afterSeconds: 10)
    }
    guard mayAsk() else { return .failed(.budgetSpent) }
    let enrolment = body.span.extracting(0..<count)
    settledEnrolment = SHA256.hash(enrolment)
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.post(
        to: "/v1/devices", enrolment,
        contentType: "application/cose; cose-type=\"cose-sign1\"",
        accept: "application/cbor, application/concise-problem-details+cbor", into: &span)
      let answer = answer(response, span.span.extracting(0..<response.byteCount))
      let event = answer.toKey(keyHash: deviceKey.hash)
      note(event, node: answer.enrolledNode(keyHash: deviceKey.hash), of: enrolment)
      return event
    } catch {
      say(error)
      return .failed(.unreachable)
    }
  }

  /// Keeps what the gateway said, for who asks while it is away.
  private mutating func note(
    _ event: DeliveryStateMachine.Event, node: FixedBytes<32>?, of enrolment: Span<UInt8>
  ) {
    let verdict: EnrolmentAnswer.Verdict
    switch event {
    case .enrolled:
      guard let node else { return }
      verdict = .taken(node: node)
    case .refused(let code) where code > 0:
      verdict = .refused(code: code)
      isEnrolmentWanted = code == RefusalCode.enrolmentOutdated.rawValue
    default: return
    }
    var bytes = InlineArray<82, UInt8>(repeating: 0)
    let count: Int
    do throws(CBORDecoder.Failure) {
      let answer = EnrolmentAnswer(
        enrolmentHash: try COSESign1.hash(of: enrolment),
        version: try EnrolmentMessage(decoding: enrolment).enrolment.version, verdict: verdict)
      count = answer.encode(into: bytes.mutableSpan)
    } catch {
      // Nothing that an agent of this version wrote has this form: it has no name and no version.
      return
    }
    store(bytes.span.extracting(0..<count), at: paths.enrolmentAnswer)
  }

  /// Replaces a file of this program's, unless it has these bytes already.
  func store(_ bytes: Span<UInt8>, at path: FixedPath) {
    var present = InlineArray<4096, UInt8>(repeating: 0)
    var span = present.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      if span.span.extracting(0..<count).equals(bytes) { return }
    } catch {
      // None, or one that can't be read: written anew.
    }
    do throws(FileFailure) {
      try atomicReplace(path, with: bytes, mode: 0o640)
    } catch {
      Self.tell("can't be stored: look at the state folder's owner and at the disk", path)
    }
  }

  // MARK: learned back

  /// The gateway has a later enrolment of this key than the agent, which was restored from its key alone: hands
  /// it the gateway's newest. What the agent then writes is posted like every other change.
  mutating func learnEnrolment() {
    guard isEnrolmentWanted, agent != nil else { return }
    isEnrolmentWanted = false
    var path = TextBuilder<128>()
    path.append("/v1/devices/")
    path.append(hex: deviceKey.hash.span)
    path.append("/enrolment")
    var reply = InlineArray<4096, UInt8>(repeating: 0)
    var span = reply.mutableSpan
    do throws(TransportFailure) {
      let response = try transport.get(
        from: path.span, accept: Self.acceptedDocument, into: &span)
      guard
        Self.isDocument(response, atMost: AgentMessage.maximumEnrolmentByteCount)
      else {
        sayReason(.refused(code: RefusalCode.enrolmentOutdated.rawValue))
        return say("the gateway does not give the enrolment that it has of this node")
      }
      handEnrolment(span.span.extracting(0..<response.byteCount))
    } catch {
      // Again when the enrolment is posted again.
      settledEnrolment = nil
      say(error)
    }
  }

  private mutating func handEnrolment(_ message: Span<UInt8>) {
    send(.enrolment(bytes: message))
    switch awaitAnswer({ AgentMessage.refusal($0, of: .enrolment) }) {
    case 0:
      say("the agent goes on from the enrolment that the gateway has of this node")
      nextEnrolment = 0
      // An enrolment that stood in the way of a batch does so no more.
      if case .blocked = machine.state { timer = clock.bootMilliseconds() }
    case .max?: say("the agent does not take the enrolment that the gateway has of this node now")
    case let code?: sayReason(.refused(code: code))
    // It went away, or can't be asked now: again after the next post.
    case nil: settledEnrolment = nil
    }
  }
}
