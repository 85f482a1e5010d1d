import Coverage
import FixedMemory
import Proofs
import Records

/// What comes of the frames that a radio hears: which of them become leaves, which are counted, and the last ones for
/// whoever asks.
struct Hearing: Sendable {
  /// Of all kinds.
  private(set) var heardCount: UInt64 = 0
  private(set) var witnessCount: UInt64 = 0
  /// The last ones, the oldest first.
  private(set) var frames = FixedArray<8, HeardFrame>(
    filler: HeardFrame(
      milliseconds: 0, frequencyHertz: 0, spreadingFactor: 0, byteCount: 0, firstByte: 0,
      rssiCentidecibelMilliwatts: nil, snrCentidecibels: nil))
  private var witness: WitnessNode

  init(ownKeyHash: Digest, frameLimit: Int = WitnessNode.usualFrameLimit) {
    witness = WitnessNode(ownKeyHash: ownKeyHash, frameLimit: frameLimit)
  }

  /// A frame came.
  mutating func count(_ frame: HeardFrame) {
    heardCount += 1
    if frames.isFull {
      for index in 1..<frames.count { frames[index - 1] = frames[index] }
      _ = frames.removeLast()
    }
    frames.append(frame)
  }

  /// The leaf of a frame whose checksum is not wrong; nil: there is none, and it is counted where that is to be told.
  mutating func leaf(_ bytes: Span<UInt8>, _ reception: Reception, at now: Int64)
    -> RadioDutyAction?
  {
    guard let beacon = BeaconFrame(bytes) else {
      guard Self.isLoRaWAN(bytes), case .keep = witness.forward(atMilliseconds: now) else {
        return nil
      }
      return .writeFrame(
        ForwardedFrame(
          hash: SHA256.hash(bytes), byteCount: UInt8(bytes.count), reception: reception))
    }
    guard case .keep = witness.hear(beacon, reception) else { return nil }
    witnessCount += 1
    return .writeWitness(BeaconWitness(frame: beacon.bytes, reception: reception))
  }

  /// Frames that the radio heard, and that did not come to the agent.
  mutating func lost(_ count: UInt64) { witness.lost(count) }

  /// What was counted, at most once a minute.
  mutating func refusalToTell(at now: Int64) -> RadioDutyAction? {
    witness.refusalToTell(atMilliseconds: now).map {
      .writeFramesRefused($0.reason, count: $0.count)
    }
  }

  /// What was counted and not told yet, before the log ends.
  mutating func untoldRefusal() -> RadioDutyAction? {
    witness.untoldRefusal().map { .writeFramesRefused($0.reason, count: $0.count) }
  }

  /// By its first byte and length (TS001-1.0.4, section 4.2): of major version 1, no proprietary one, and as long as a
  /// header with an address and a checksum.
  private static func isLoRaWAN(_ bytes: Span<UInt8>) -> Bool {
    bytes.count >= 12 && bytes[0] & 0x03 == 0 && bytes[0] >> 5 < 7
  }
}
