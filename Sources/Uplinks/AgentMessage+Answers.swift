import AgentMessages
import Delivery
import Records

/// What the agent's packets say, as the uplink waits for it. Untrusted: what can't be read says nothing.
extension AgentMessage {
  /// Up to where it has verified receipts; nil when the packet is about something else.
  static func delivered(_ packet: Span<UInt8>) -> UInt64? {
    do throws(AgentMessage.Failure) {
      guard case .status(let status) = try AgentMessage(decoding: packet) else { return nil }
      return status.deliveredSequence
    } catch { return nil }
  }

  /// What a packet says about the receipt; nil when it is about something else.
  static func answer(_ packet: Span<UInt8>, to sequence: UInt64)
    -> DeliveryStateMachine.Event?
  {
    do throws(AgentMessage.Failure) {
      switch try AgentMessage(decoding: packet) {
      case .receiptAnswer(let answered, let code) where answered == sequence:
        return code.map { .receiptRefused(code: $0) } ?? .receiptConfirmed
      case .denied: return .agentAway
      default: return nil
      }
    } catch { return nil }
  }

  /// What a packet answers to what was sent: 0 for taken, else a reason code; 65 535 when it was denied. Nil
  /// when it is about something else.
  static func refusal(_ packet: Span<UInt8>, of type: AgentMessage.MessageType) -> UInt16? {
    do throws(AgentMessage.Failure) {
      switch try AgentMessage(decoding: packet) {
      case .answer(let answered, let code) where answered == type.rawValue: return code ?? 0
      // An agent of before: it names what it doesn't know by 0.
      case .denied(let denied, _) where denied == type.rawValue || denied == 0: return .max
      default: return nil
      }
    } catch { return nil }
  }

  static func answers(
    _ packet: Span<UInt8>, to type: AgentMessage.MessageType, with code: UInt16
  ) -> Bool {
    do throws(AgentMessage.Failure) {
      guard case .answer(type.rawValue, code) = try AgentMessage(decoding: packet) else {
        return false
      }
      return true
    } catch { return false }
  }

  /// The agent waits for the gateway's head of its log.
  static func asksForHead(_ packet: Span<UInt8>) -> Bool {
    do throws(AgentMessage.Failure) {
      if case .headWanted = try AgentMessage(decoding: packet) { return true }
    } catch {}
    return false
  }
}
