import FixedMemory
import Identity
import Proofs
import Verifier

/// A hash as a key of a dictionary.
struct HashName: Hashable {
  let digest: Digest

  init(_ digest: Digest) { self.digest = digest }

  func hash(into hasher: inout Hasher) {
    hasher.combine(digest.span.loadLittleEndian(UInt64.self, at: 0))
  }
}

/// A device as far as its log has been followed.
struct AuditedDevice {
  /// The end of its log, and the tree's peaks there; without them what follows can't be recomputed.
  struct End {
    var place: LogContinuation.End
    var peaks: [Digest]?
    /// Where the newest checkpoint stands.
    var found: Finding.Place
  }

  let key: PublicKey
  let keyHash: Digest
  var isListed: Bool
  var isEnrolled = false
  var isUsed = false
  var isToldUnenrolled = false
  var isRevoked = false
  var isSucceeded = false
  var node: Int?
  var end: End?
}

/// Devices by hash and by the 8 bytes that stand in messages. Holds a few hundred bytes for each.
struct DeviceTable {
  private(set) var devices: [AuditedDevice] = []
  private var byHash: [HashName: Int] = [:]
  private var byKeyID: [UInt64: Int] = [:]

  subscript(index: Int) -> AuditedDevice {
    get { devices[index] }
    _modify { yield &devices[index] }
  }

  var indices: Range<Int> { devices.indices }

  func index(ofHash hash: Digest) -> Int? { byHash[HashName(hash)] }

  func index(ofKeyID keyID: KeyID) -> Int? { byKeyID[Self.number(keyID)] }

  /// Takes a key; nil when another one has its identifier.
  mutating func add(_ key: PublicKey, isListed: Bool) -> Int? {
    let hash = key.hash
    if let index = byHash[HashName(hash)] { return index }
    let number = Self.number(key.keyID)
    guard byKeyID[number] == nil else { return nil }
    let index = devices.count
    devices.append(AuditedDevice(key: key, keyHash: hash, isListed: isListed))
    byHash[HashName(hash)] = index
    byKeyID[number] = index
    return index
  }

  private static func number(_ keyID: KeyID) -> UInt64 {
    keyID.span.loadLittleEndian(UInt64.self, at: 0)
  }
}

extension MerkleFrontier {
  /// The peaks, largest first: what a tree takes in memory while nobody looks at it.
  var allPeaks: [Digest] { (0..<peakCount).map { peak(at: $0) } }
}

extension FixedBytes {
  var bytes: [UInt8] { span.withUnsafeBufferPointer { Array($0) } }
  var hex: String { bytes.hex }
  /// The first 8 digits: enough to tell things apart on a screen.
  var short: String { String(hex.prefix(8)) }
}

extension [UInt8] {
  /// Lower-case hexadecimal, two characters a byte.
  var hex: String {
    let digits = [UInt8]("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(count * 2)
    for byte in self {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension StaticString {
  var text: String { description }
}
