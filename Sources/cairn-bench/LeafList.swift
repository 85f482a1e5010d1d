import FixedMemory
import Records

/// Leaves written beforehand, each behind the zero byte that its hash begins with.
///
///     stride of 96 bytes:  │ 00 │ leaf … │ unused │
struct LeafList {
  /// Six values of at most 9 bytes, head 3, time 9: 66 bytes, and the zero byte.
  private static var stride: Int { 96 }

  let count: Int
  private let bytes: UnsafeMutablePointer<UInt8>
  private let byteCounts: UnsafeMutablePointer<Int>

  init(count: Int) {
    self.count = count
    bytes = UnsafeMutablePointer.allocate(capacity: count * Self.stride)
    bytes.initialize(repeating: 0, count: count * Self.stride)
    byteCounts = UnsafeMutablePointer.allocate(capacity: count)
    byteCounts.initialize(repeating: 0, count: count)
  }

  func release() {
    bytes.deallocate()
    byteCounts.deallocate()
  }

  /// Writes readings `from ..< from + count` in place of those before.
  func fill(from number: Int) {
    for index in 0..<count {
      var span = MutableSpan(
        _unsafeStart: bytes + index * Self.stride + 1, count: Self.stride - 1)
      byteCounts[index] = Reading(number: number + index).encode(
        into: span._mutatingExtracting(0..<span.count))
    }
  }

  func byteCount(at index: Int) -> Int { byteCounts[index] }

  /// Where the zero byte in front of the leaf stands.
  func hashInput(at index: Int) -> UnsafePointer<UInt8> {
    UnsafePointer(bytes + index * Self.stride)
  }
}

/// Reading `number` of a board that has run for a day and measures once a second.
struct Reading {
  let milliseconds: Int64
  private let values: ReadingValues

  /// Six values, all of five bytes when `isWide`. Else as a BME280 and an SCD4x give them: hundredths of
  /// a degree, thousandths of a percent, pascals; ppm, thousandths of a degree and of a percent.
  init(number: Int, isWide: Bool = false) {
    milliseconds = Self.milliseconds(ofNumber: number)
    // A triangle wave of a slow and a fast period: neighbours differ, and all stay in range.
    let slow = Int64((number / 16) % 2000)
    let fast = Int64(number % 29)
    var values = ReadingValues(filler: nil)
    guard !isWide else {
      for index in 0..<6 { values.append(100_000 * Int64(index + 1) + slow + fast) }
      self.values = values
      return
    }
    values.append(1_800 + slow / 2 + fast)
    values.append(45_000 + 9 * slow - 3 * fast)
    values.append(100_325 + slow - fast)
    values.append(640 + slow / 4 + fast)
    values.append(18_300 + 5 * slow + 2 * fast)
    values.append(44_000 + 9 * slow + fast)
    self.values = values
  }

  static func milliseconds(ofNumber number: Int) -> Int64 { 86_400_000 + Int64(number) * 1000 }

  func encode(into bytes: consuming MutableSpan<UInt8>) -> Int {
    LeafEncoding.reading(schema: 1, milliseconds: milliseconds, values: values, into: bytes)
  }
}
