import CSodium
import FixedMemory

// Taking texts of fixed form apart, from `offset` on; nothing is skipped.

func take(_ text: StaticString, _ bytes: Span<UInt8>, _ offset: inout Int) -> Bool {
  let count = text.utf8CodeUnitCount
  guard bytes.count - offset >= count,
    bytes.extracting(offset..<offset + count).equals(text)
  else { return false }
  offset += count
  return true
}

/// A decimal number without leading zeros; nil when there is none, or a larger one than UInt64 holds.
func takeNumber(_ bytes: Span<UInt8>, _ offset: inout Int) -> UInt64? {
  let start = offset
  var value: UInt64 = 0
  while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
    let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
    let (sum, carry) = tens.addingReportingOverflow(UInt64(bytes[offset] - UInt8(ascii: "0")))
    guard !overflow, !carry else { return nil }
    value = sum
    offset += 1
  }
  let digitCount = offset - start
  guard digitCount == 1 || (digitCount > 1 && bytes[start] != UInt8(ascii: "0")) else { return nil }
  return value
}

/// Two lower-case hexadecimal digits for each byte of `value`, in that range; false when they are not there.
func takeHex<let count: Int>(
  _ value: inout FixedBytes<count>, _ range: Range<Int>, _ bytes: Span<UInt8>, _ offset: inout Int
) -> Bool {
  guard bytes.count - offset >= 2 * range.count else { return false }
  for index in range {
    guard let high = hexValue(bytes[offset]), let low = hexValue(bytes[offset + 1]) else {
      return false
    }
    value[index] = high << 4 | low
    offset += 2
  }
  return true
}

func hexDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
}

func hexValue(_ digit: UInt8) -> UInt8? {
  switch digit {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
  default: nil
  }
}

/// Overwrites a secret in a way that no optimiser leaves out.
func wipe<let count: Int>(_ secret: inout FixedBytes<count>) {
  var span = secret.mutableSpan
  wipe(&span)
}

func wipe(_ secret: inout MutableSpan<UInt8>) {
  secret.withUnsafeMutableBufferPointer { cairn_wipe($0.baseAddress, Int64($0.count)) }
}
