import CBOR
import FixedMemory

/// The signed documents of Cairn, by what stands under label 16 (docs/proof-format.md,
/// docs/identity.md). A name never changes its meaning, and no two documents share one, so that none
/// is ever taken for another.
public enum DocumentType: UInt8, Sendable {
  case checkpoint
  case receipt
  case invite
  case succession
  case revocation
  case enrolment
  case deviceHead
  case challenge
  case gatewayHead
  case gatewayKeyChange

  /// Number of types: raw values count from 0.
  public static var count: UInt8 { 10 }

  /// What stands under label 16: ten letters, all of them.
  public var name: StaticString {
    switch self {
    case .checkpoint: "cairn-ckpt"
    case .receipt: "cairn-rcpt"
    case .invite: "cairn-invt"
    case .succession: "cairn-succ"
    case .revocation: "cairn-revk"
    case .enrolment: "cairn-enrl"
    case .deviceHead: "cairn-head"
    case .challenge: "cairn-chal"
    case .gatewayHead: "cairn-gckp"
    case .gatewayKeyChange: "cairn-gkey"
    }
  }

  /// True for a document over a tree's root: 395 stands in front of its fields (RFC 9942 section 5).
  public var hasTree: Bool {
    switch self {
    case .checkpoint, .gatewayHead: true
    case .receipt, .invite, .succession, .revocation, .enrolment, .deviceHead, .challenge,
      .gatewayKeyChange:
      false
    }
  }

  /// Items under label -65537, the version among them.
  public var fieldCount: Int {
    switch self {
    case .checkpoint, .enrolment: 10
    case .receipt, .invite, .succession, .challenge: 7
    case .revocation, .deviceHead: 6
    case .gatewayKeyChange: 4
    case .gatewayHead: 3
    }
  }

  /// The type with this name; nil when there is none.
  public init?(name: Span<UInt8>) {
    for number in 0..<Self.count {
      guard let type = DocumentType(rawValue: number) else { return nil }
      if name.equals(type.name) {
        self = type
        return
      }
    }
    return nil
  }

  /// What a message says that it is. Nothing is checked but the way there: whoever reads the document
  /// as this type refuses what else is wrong.
  public init(of message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let parts = try COSESign1(decoding: message)
    var decoder = CBORDecoder(message.extracting(parts.protected))
    _ = try decoder.mapHead()
    try decoder.expectInteger(COSESign1.Label.algorithm)
    _ = try decoder.integer()
    try decoder.expectInteger(COSESign1.Label.keyID)
    _ = try decoder.byteString()
    try decoder.expectInteger(COSESign1.Label.type)
    guard let type = DocumentType(name: try decoder.text()) else { throw .outsideFormat }
    self = type
  }
}
