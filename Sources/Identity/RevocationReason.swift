/// Why a device's key is refused from here on (docs/identity.md).
public enum RevocationReason: UInt8, Sendable {
  case notSaid = 0
  case lostOrStolen = 1
  case retired = 2
  case compromised = 3
}
