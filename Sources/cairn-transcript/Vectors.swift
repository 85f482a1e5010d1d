import FixedMemory
import LinuxPlatform
import Signers

/// A file of Tests/Vectors: lines of a name and bytes in hexadecimal.
struct Vectors: ~Copyable {
  private var bytes = InlineArray<32_768, UInt8>(repeating: 0)
  private var count = 0

  init(at path: FixedPath) {
    var span = bytes.mutableSpan
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      fail("a file of Tests/Vectors can't be read; its folder is the first argument's")
    }
  }

  /// The bytes behind the line's name: the first word of hexadecimal digits.
  func message(_ name: Span<UInt8>) -> Message {
    var message = Message()
    guard var position = start(ofLine: name) else { fail("a line is missing in Tests/Vectors") }
    while position + 1 < count, let high = digit(position), let low = digit(position + 1) {
      message.append(high << 4 | low)
      position += 2
    }
    return message
  }

  func message(_ name: StaticString) -> Message { message(name.bytes) }

  func fixed<let size: Int>(_ name: StaticString) -> FixedBytes<size> {
    let found = message(name)
    guard let bytes = FixedBytes<size>(found.span) else { fail("a vector has another length") }
    return bytes
  }

  /// Behind the name and one blank.
  private func start(ofLine name: Span<UInt8>) -> Int? {
    var line = 0
    while line < count {
      var end = line
      while end < count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
      if end - line > name.count, bytes[line + name.count] == UInt8(ascii: " "),
        bytes.span.extracting(line..<line + name.count).equals(name)
      {
        return line + name.count + 1
      }
      line = end + 1
    }
    return nil
  }

  private func digit(_ position: Int) -> UInt8? {
    switch bytes[position] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): bytes[position] - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): bytes[position] - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// The seeds of RFC 8032 section 7.1, tests 1, 2 and 3: the device, the owner and the gateway of the examples.
enum ExampleKey {
  static func device() -> FileKey {
    key([
      0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
      0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
      0x7f, 0x60,
    ])
  }

  static func owner() -> FileKey {
    key([
      0x4c, 0xcd, 0x08, 0x9b, 0x28, 0xff, 0x96, 0xda, 0x9d, 0xb6, 0xc3, 0x46, 0xec, 0x11, 0x4e,
      0x0f, 0x5b, 0x8a, 0x31, 0x9f, 0x35, 0xab, 0xa6, 0x24, 0xda, 0x8c, 0xf6, 0xed, 0x4f, 0xb8,
      0xa6, 0xfb,
    ])
  }

  static func gateway() -> FileKey {
    key([
      0xc5, 0xaa, 0x8d, 0xf4, 0x3f, 0x9f, 0x83, 0x7b, 0xed, 0xb7, 0x44, 0x2f, 0x31, 0xdc, 0xb7,
      0xb1, 0x66, 0xd3, 0x85, 0x35, 0x07, 0x6f, 0x09, 0x4b, 0x85, 0xce, 0x3a, 0x2e, 0x0b, 0x44,
      0x58, 0xf7,
    ])
  }

  private static func key(_ seed: InlineArray<32, UInt8>) -> FileKey {
    var bytes = FixedBytes<32>()
    for index in 0..<32 { bytes[index] = seed[index] }
    do throws(FileKey.Failure) { return try FileKey(seed: bytes) } catch {
      fail("a key is not made")
    }
  }
}
