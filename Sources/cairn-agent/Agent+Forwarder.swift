import AgentMessages
import Buses
import Coverage
import DeviceLog
import FixedMemory
import GWMP
import LinuxPlatform
import LoRa
import NodeConfiguration
import NodeFiles
import Proofs
import RadioDuties
import Radios
import Records
import Sampling

/// A concentrator, by way of `cairn-forwarder`: its socket comes and goes as a radio's line does; what it hears
/// becomes leaves. What is done with it is RadioDuties'.
extension Agent {
  /// Messages of the forwarder's that one turn takes: a flood does not stop the rest.
  private static var messageLimit: Int { 64 }
  /// A forwarder that is not there is looked for again after so long, one that says what nobody understands later.
  private static var forwarderAttemptMilliseconds: Int64 { 2_000 }
  private static var forwarderPauseMilliseconds: Int64 { 60_000 }
  private static var forwarderUser: StaticString { "cairn-forwarder" }

  /// The radio's name in events and schema leaves.
  var radioName: Name? { files.site.radio?.name }

  /// Nil when the site's radio is no concentrator. A region that is none, and a channel that it has not, end the
  /// program.
  static func concentratorDuty(
    _ files: borrowing NodeConfigurationFiles, keyHash: Digest, startBootMilliseconds: Int64
  ) -> ConcentratorDuty? {
    guard let radio = files.site.radio, radio.isForwarded else { return nil }
    let plan = RegionPlan(region(of: radio))
    guard radio.firstChannel < plan.channelCount else {
      var text = TextBuilder<256>()
      text.append("cairn-agent: [radio] first_channel: ")
      text.append(radio.region.span)
      text.append(" has the channels 0 to ")
      text.append(plan.channelCount - 1)
      end(.configuration, text.span)
    }
    return ConcentratorDuty(
      plan: plan, ownKeyHash: keyHash, firstChannel: radio.firstChannel,
      frameLimit: radio.framesPerMinute, startBootMilliseconds: startBootMilliseconds)
  }

  /// Takes what the forwarder says, and gives it what is to be sent.
  mutating func takeForwarder() {
    guard concentrator != nil else { return }
    // What was received while this turn lasted is not of the future.
    tick()
    connectForwarder()
    receiveFromForwarder()
    for _ in 0..<Self.messageLimit {
      tick()
      let time = nodeTime
      guard let action = concentrator?.step(at: time) else { break }
      perform(action)
    }
    tick()
    requestTransmission()
    let time = nodeTime
    nextForwarderStep = concentrator?.nextStep(at: time) ?? .max
    tellGateway()
  }

  private mutating func connectForwarder() {
    if forwarder != nil || now < nextForwarderAttempt { return }
    nextForwarderAttempt = now + Self.forwarderAttemptMilliseconds
    let time = nodeTime
    do throws(SocketFailure) {
      forwarder = try UnixConnection(
        connectingTo: paths.forwarderSocket, servedBy: Self.forwarderUser)
      concentrator?.connected(at: time)
      _ = radioChanges.take(isPresent: true)
    } catch {
      var fault = FaultCode.disconnected
      if case .system(let errno) = error, SystemError(errno: errno).isDenied { fault = .lineInUse }
      concentrator?.disconnected(fault, at: time)
    }
  }

  private mutating func receiveFromForwarder() {
    var packet = InlineArray<512, UInt8>(repeating: 0)
    for _ in 0..<Self.messageLimit {
      guard let connection = forwarder.take() else { return }
      // What the message before led to may have taken seconds: what was received meanwhile is not of the future.
      tick()
      let time = nodeTime
      do throws(SocketFailure) {
        var span = packet.mutableSpan
        let count = try connection.receive(into: &span, timeoutMilliseconds: 0)
        forwarder = consume connection
        guard let action = concentrator?.take(packet.span.extracting(0..<count), at: time) else {
          continue
        }
        if action == .lineGone { return loseForwarder(.unintelligible) }
        perform(action)
      } catch {
        if error == .timedOut {
          forwarder = consume connection
        } else {
          loseForwarder(error == .messageTooLong ? .unintelligible : .disconnected)
        }
        return
      }
    }
  }

  private mutating func loseForwarder(_ fault: FaultCode) {
    forwarder = nil
    let time = nodeTime
    concentrator?.disconnected(fault, at: time)
    _ = radioChanges.take(isPresent: false)
    nextForwarderAttempt =
      now
      + (fault == .unintelligible
        ? Self.forwarderPauseMilliseconds : Self.forwarderAttemptMilliseconds)
  }

  private mutating func requestTransmission() {
    let time = nodeTime
    guard let packet = concentrator?.request(at: time) else { return }
    guard let connection = forwarder.take() else {
      concentrator?.requestFailed()
      return
    }
    do throws(SocketFailure) {
      try connection.send(packet.bytes, timeoutMilliseconds: 0)
    } catch {
      // Its end is seen when it is read from.
      concentrator?.requestFailed()
    }
    forwarder = consume connection
  }

  /// Which gateway the radio is, once one is there.
  private mutating func tellGateway() {
    guard let gateway = concentrator?.gateway, gateway != toldGateway, let name = radioName else {
      return
    }
    let milliseconds = now
    if toldGateway != nil {
      _ = record {
        LeafEncoding.device(
          .sensorReplaced, schema: Self.radioSchema, milliseconds: milliseconds, name: name.span,
          into: $0)
      }
    }
    var number = TextBuilder<16>()
    number.append(hex: gateway, digits: 16)
    guard let serial = FixedText<16>(number.span) else { return }
    let isKept = record {
      LeafEncoding.schema(
        schema: Self.radioSchema, milliseconds: milliseconds,
        quantities: Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0)),
        chip: RadioKind.concentrator.name, bus: name.span, address: 0, serialNumber: serial.span,
        into: $0)
    }
    if isKept { toldGateway = gateway }
  }

  /// Nil without a radio.
  mutating func radioLeadMilliseconds() -> Int64? {
    if let lead = radio?.leadMilliseconds { return lead }
    return concentrator?.leadMilliseconds
  }

  /// When the forwarder is to be looked for.
  mutating func forwarderWake() -> Int64 {
    guard concentrator != nil else { return .max }
    return forwarder == nil ? min(nextForwarderStep, nextForwarderAttempt) : nextForwarderStep
  }

  /// What the socket's status says of it.
  mutating func concentratorStatus() -> RadioStatus? {
    guard let duty = concentrator.take() else { return nil }
    var status = RadioStatus()
    status.isAttached = duty.isConnected
    status.kindNumber = RadioKind.concentrator.rawValue
    status.stateNumber = duty.state.rawValue
    status.frameCount = duty.heardCount
    status.witnessCount = duty.witnessCount
    let frames = duty.heardFrames
    if !frames.isEmpty {
      let last = frames[frames.count - 1]
      status.lastFrameMilliseconds = last.milliseconds
      status.lastRSSICentidecibelMilliwatts = last.rssiCentidecibelMilliwatts
      status.lastSNRCentidecibels = last.snrCentidecibels
    }
    status.lastFaultNumber = UInt16(duty.lastFault?.rawValue ?? 0)
    concentrator = consume duty
    return status
  }
}
