import FixedMemory
import Proofs

/// What a beacon of that network was drawn from, and what it had on the air.
public struct HeliumBeacon: Equatable, Sendable {
  public static let payloadByteCount = 51

  public let seed: [UInt8]
  public let payload: [UInt8]

  /// - `remote`, `remoteSeconds`: the public entropy and its time. `local`: bytes of the sender's choice.
  public init?(remote: [UInt8], remoteSeconds: Int64, local: [UInt8]) {
    func littleEndian(_ value: Int64) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: value >> Int64(8 * $0)) }
    }
    let bytes = remote + littleEndian(remoteSeconds) + local + littleEndian(0)
    let hash = SHA256.hash(bytes.span)
    let seed = (0..<32).map { hash[$0] }
    guard var stream = ChaCha12(key: seed) else { return nil }
    self.seed = seed
    payload = (0..<Self.payloadByteCount).map { _ in
      UInt8(truncatingIfNeeded: stream.word())
    }
  }

  /// Which of so many channels: the payload's first two bytes, little-endian, modulo their count.
  public func channel(of count: Int) -> Int {
    (Int(payload[0]) | Int(payload[1]) << 8) % max(1, count)
  }

  /// The number of a datarate at 125 kHz: 0 for spreading factor 12, 5 for 7.
  public static func datarate(spreadingFactor: UInt8) -> UInt64? {
    (7...12).contains(spreadingFactor) ? UInt64(12 - spreadingFactor) : nil
  }

  /// The first spreading factor of a plan, in its order, that carries so many bytes.
  public static func spreadingFactor(
    for byteCount: Int, in plan: [(spreadingFactor: UInt8, maximumByteCount: Int)]
  ) -> UInt8? {
    plan.first { $0.maximumByteCount >= byteCount }?.spreadingFactor
  }
}
