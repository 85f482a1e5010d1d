/// Who is at the other end of the agent's socket, by the user that the kernel vouches for (SO_PEERCRED).
/// Who may connect at all is decided by the socket file's mode.
public enum PeerRole: Equatable, Sendable {
  /// The agent's own user, or root.
  case owner
  /// The uplink's user.
  case uplink
  /// The serial console's user, whose process checks the passphrase.
  case console
  /// Anybody else whom the socket's mode lets in: an operator with `cairn status`.
  case other

  /// On a machine where agent and uplink run as one user, that one is the owner.
  public init(
    userID: UInt32, agentUserID: UInt32, uplinkUserID: UInt32, consoleUserID: UInt32? = nil
  ) {
    if userID == 0 || userID == agentUserID {
      self = .owner
    } else if userID == uplinkUserID {
      self = .uplink
    } else if userID == consoleUserID {
      self = .console
    } else {
      self = .other
    }
  }

  /// True when this peer may send the agent a message of this type. Answers are the agent's own.
  public func maySend(_ type: AgentMessage.MessageType) -> Bool {
    switch type {
    case .statusRequest, .heardRequest, .noiseRequest: true
    // The agent verifies every receipt: this keeps strangers from making it work.
    case .receipt, .subscribe, .head, .challenge, .keyChange, .enrolment:
      self == .owner || self == .uplink
    // What decides who this node is, is the owner's alone; an unlocked console speaks for them.
    case .adopt, .consoleAction, .radioTest: self == .owner || self == .console
    case .status, .receiptAnswer, .released, .denied, .headWanted, .answer, .consoleAnswer,
      .radioTestAnswer, .heard, .noise:
      false
    }
  }
}
