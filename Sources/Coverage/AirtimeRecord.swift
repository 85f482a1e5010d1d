import CBOR
import FixedMemory
import LoRa
import Proofs

/// What was sent within the last hour, kept so that a start of the agent does not forget it, and which beacon was
/// tried last, so that none is sent twice (docs/coverage-protocol.md, "Airtime file"). Durable before a transmission.
///
///     [1, the kernel's boot id, minute, [6 times on air], number, check]
public struct AirtimeRecord: Equatable, Sendable {
  /// Array 1, version 1, boot 17, minute 9, array 1, six numbers of 9, number 5, check 9.
  public static var maximumByteCount: Int { 97 }

  /// Of the kernel: its clock goes on while the agent is away.
  public var bootID: FixedBytes<16>
  /// Of that clock, when this was written: all of it counts as sent then.
  public var minute: Int64
  /// By sub-band of the plan, in microseconds.
  public var spentMicroseconds: InlineArray<6, UInt32>
  /// Of the last challenge whose beacon was handed to a radio; 0: none.
  public var attemptedNumber: UInt32

  public init(bootID: FixedBytes<16>, minute: Int64, attemptedNumber: UInt32) {
    self.bootID = bootID
    self.minute = minute
    self.attemptedNumber = attemptedNumber
    spentMicroseconds = InlineArray(repeating: 0)
  }

  public static func == (left: AirtimeRecord, right: AirtimeRecord) -> Bool {
    for band in left.spentMicroseconds.indices
    where left.spentMicroseconds[band] != right.spentMicroseconds[band] {
      return false
    }
    return left.bootID == right.bootID && left.minute == right.minute
      && left.attemptedNumber == right.attemptedNumber
  }

  public func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    var buffer = InlineArray<96, UInt8>(repeating: 0)
    var encoder = CBOREncoder(buffer.mutableSpan)
    encoder.arrayHead(count: 6)
    encoder.unsigned(1)
    encoder.byteString(bootID.span)
    encoder.unsigned(UInt64(max(0, minute)))
    encoder.arrayHead(count: spentMicroseconds.count)
    for band in spentMicroseconds.indices { encoder.unsigned(UInt64(spentMicroseconds[band])) }
    encoder.unsigned(UInt64(attemptedNumber))
    let count = encoder.byteCount
    return RecordCheck.append("cairn-airtime-v1", to: buffer.span.extracting(0..<count), bytes)
  }

  public init(decoding bytes: Span<UInt8>) throws(RecordCheck.Failure) {
    do throws(CBORDecoder.Failure) {
      var decoder = try RecordCheck.begin(bytes, count: 6)
      guard let boot = FixedBytes<16>(try decoder.byteString()) else { throw .outsideFormat }
      bootID = boot
      let minute = try decoder.unsigned()
      // 2^40 minutes: no kernel runs so long.
      guard minute < 1 << 40 else { throw .outsideFormat }
      self.minute = Int64(minute)
      spentMicroseconds = InlineArray(repeating: 0)
      try decoder.expectArray(count: spentMicroseconds.count)
      for band in spentMicroseconds.indices {
        spentMicroseconds[band] = try decoder.unsigned(as: UInt32.self)
      }
      attemptedNumber = try decoder.unsigned(as: UInt32.self)
      try RecordCheck.finish("cairn-airtime-v1", bytes, &decoder)
    } catch { throw RecordCheck.Failure(error) }
  }

  /// The budget that goes on from here. In another boot of the kernel's nobody knows how long it was off: everything
  /// counts as sent now.
  public func budget(bootID: FixedBytes<16>, atMilliseconds now: Int64) -> AirtimeBudget {
    var budget = AirtimeBudget(knownSinceMilliseconds: nil)
    let then = bootID == self.bootID ? min(now, minute * 60_000) : now
    for band in spentMicroseconds.indices where spentMicroseconds[band] > 0 {
      budget.restore(band: band, microseconds: spentMicroseconds[band], at: then)
    }
    return budget
  }
}
