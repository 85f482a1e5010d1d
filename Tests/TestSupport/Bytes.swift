import FixedMemory

/// The bytes that hexadecimal digits stand for, up to the first pair that is none.
public func hex(_ text: some StringProtocol) -> [UInt8] {
  var bytes: [UInt8] = []
  var rest = Substring(text)
  while rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) {
    bytes.append(byte)
    rest = rest.dropFirst(2)
  }
  return bytes
}

public struct WrongLength: Error {}

/// A fixed value from an array of the same length.
public func fixed<let count: Int>(_ bytes: [UInt8]) throws -> FixedBytes<count> {
  guard let value = FixedBytes<count>(bytes.span) else { throw WrongLength() }
  return value
}

/// What a function writes into a buffer that is large enough.
public func written(_ body: (inout [UInt8]) throws -> Int) rethrows -> [UInt8] {
  var buffer = [UInt8](repeating: 0, count: 80_000)
  let count = try body(&buffer)
  return Array(buffer.prefix(count))
}
