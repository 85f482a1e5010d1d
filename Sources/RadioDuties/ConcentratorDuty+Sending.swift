import Coverage
import FixedMemory
import GWMP
import LoRa
import Radios
import Records

/// A transmission by way of the packet forwarder: asked for at its moment, answered once.
struct ConcentratorSending: Sendable {
  let order: RadioTransmission
  /// Of the request, once it was handed over.
  var number: UInt32?
  /// When it went out, as far as is known.
  var startMilliseconds: Int64 = 0

  var isAsked: Bool { number != nil }
}

extension ConcentratorDuty {
  /// A packet forwarder puts what is to go out at once into its queue, and sends it some 30 to 60 ms later: two times
  /// the start of the transmitter, a margin, and the interval in which it looks (lora_pkt_fwd's jitqueue.c).
  static var queueMilliseconds: Int64 { 45 }
  /// `cairn-forwarder` waits 5 s for the packet forwarder's word.
  static var answerMilliseconds: Int64 { 6_000 }

  public var leadMilliseconds: Int64 { 1_000 }

  /// Takes a transmission. Not nil: why it will not be sent. Else `transmissionEnded` follows, whatever happens.
  public mutating func send(_ order: RadioTransmission) -> BeaconReason? {
    if let reason = reasonAgainst(order) { return reason }
    sending = ConcentratorSending(order: order)
    return nil
  }

  /// Why it will not send this, as it is now; nil: it will, or tells later.
  public func reasonAgainst(_ order: RadioTransmission) -> BeaconReason? {
    guard sending == nil, outcome == nil else { return .radioBusy }
    guard isConnected, !gateways.isEmpty else { return .radioGone }
    return packet(order) == nil ? .notAllowed : nil
  }

  /// Nil: no concentrator sends it. Its powers are whole decibels, and what is told later is what was drawn.
  private func packet(_ order: RadioTransmission) -> TransmitPacket? {
    let power = order.powerCentidecibelMilliwatts
    guard power % 100 == 0, let power = Int8(exactly: power / 100) else { return nil }
    return TransmitPacket(
      frequencyHertz: order.frequencyHertz, spreadingFactor: order.spreadingFactor,
      bandwidthHertz: 125_000, codingRateDenominator: 5, powerDecibelMilliwatts: power,
      bytes: order.bytes.span.extracting(0..<order.byteCount))
  }

  /// The request that is due, to be handed to the forwarder now; nil: none is. `requestFailed` when that can't be done.
  public mutating func request(at now: NodeTime) -> ForwarderMessage.Packet? {
    guard let current = sending, !current.isAsked,
      now.milliseconds >= current.order.startMilliseconds - Self.queueMilliseconds,
      now.milliseconds <= current.order.latestMilliseconds, isConnected, !gateways.isEmpty,
      let packet = packet(current.order)
    else { return nil }
    requestNumber &+= 1
    let start = now.milliseconds + Self.queueMilliseconds
    sending?.number = requestNumber
    sending?.startMilliseconds = start
    let airtime =
      Modulation(spreadingFactor: current.order.spreadingFactor)?.timeOnAirMicroseconds(
        payloadByteCount: UInt8(current.order.byteCount)) ?? 0
    deafen(from: now.milliseconds, to: start + Int64(airtime) / 1_000 + 100, at: now)
    return ForwarderMessage.encode(
      ForwarderMessage.Transmit(number: requestNumber, gateway: gateways[0], packet: packet))
  }

  /// The socket did not take it: nobody has seen it.
  public mutating func requestFailed() { end(.refused(.radioBusy)) }

  mutating func followSending(_ now: NodeTime) {
    guard let current = sending else { return }
    if current.isAsked {
      // The forwarder's own word should have come.
      if now.milliseconds >= current.startMilliseconds + Self.answerMilliseconds { unconfirmed() }
    } else if !isConnected || gateways.isEmpty {
      end(.refused(.radioGone))
    } else if now.milliseconds > current.order.latestMilliseconds {
      end(.refused(.tooLate))
    }
  }

  /// The connection has ended: who has the request may send it all the same.
  mutating func sendingLost(at now: NodeTime) {
    guard let current = sending else { return }
    if current.isAsked { unconfirmed() } else { end(.refused(.radioGone)) }
  }

  mutating func take(_ answer: ForwarderMessage.Outcome, _ now: NodeTime) {
    // An answer to an earlier request, which has ended.
    guard let current = sending, current.number == answer.number else { return }
    switch answer.outcome {
    case .sent, .sentWithOtherPower:
      // It is signed, and nobody but the packet forwarder knows: another power than the drawn one is never said to be
      // that.
      let power =
        answer.outcome == .sent
        ? current.order.powerCentidecibelMilliwatts
        : answer.powerDecibelMilliwatts.map { $0 * 100 }
      end(
        .sent(
          startMilliseconds: current.startMilliseconds, powerCentidecibelMilliwatts: power,
          isConfirmed: true))
    case .unanswered, .unknown: unconfirmed()
    case .tooLate, .tooEarly: end(.refused(.tooLate))
    case .collisionWithPacket, .collisionWithBeacon, .busy: end(.refused(.radioBusy))
    case .frequencyRefused, .powerRefused, .invalid: end(.refused(.notAllowed))
    case .gpsUnlocked, .refused: end(.refused(.radioFailed))
    case .gatewayAbsent: end(.refused(.radioGone))
    }
  }

  private mutating func unconfirmed() {
    guard let current = sending else { return }
    end(
      .sent(
        startMilliseconds: current.startMilliseconds,
        powerCentidecibelMilliwatts: current.order.powerCentidecibelMilliwatts, isConfirmed: false))
  }

  private mutating func end(_ result: TransmissionOutcome) {
    guard let ended = sending else { return }
    sending = nil
    outcome = (ended.order.number, result)
  }

  func nextSendingStep(_ now: NodeTime) -> Int64 {
    if outcome != nil { return now.milliseconds }
    guard let sending else { return .max }
    if sending.isAsked { return sending.startMilliseconds + Self.answerMilliseconds }
    return min(
      sending.order.startMilliseconds - Self.queueMilliseconds,
      sending.order.latestMilliseconds + 1)
  }
}
