import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs

/// What an owner has signed, as it goes to a node's site file, to a gateway or into a file.
struct OwnerDocument {
  /// The longest is a succession's.
  typealias Message = InlineArray<251, UInt8>

  /// Characters of one value of the site file.
  private static var lineByteCount: Int { 160 }

  let name: StaticString
  var message = Message(repeating: 0)
  var byteCount = 0
  var hash = Digest()

  init(_ name: StaticString) { self.name = name }

  var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { message.span.extracting(0..<byteCount) }
  }

  /// Writes the message to the file that --to names, which must not be there yet.
  func write(to path: FixedPath) {
    do throws(FileFailure) { try createFile(path, with: bytes, mode: 0o644) } catch {
      var text = TextBuilder<384>()
      text.append("cairn: ")
      text.append(untrusted: path.span)
      switch error {
      case .noSpace: text.append(": no room on the disk")
      case .notFound: text.append(": its folder is not there")
      case .notAFile, .tooLong, .pathTooLong: text.append(": can't be written")
      case .system(let errno):
        text.append(": ")
        text.append(SystemError(errno: errno))
      }
      end(error == .noSpace ? .storageFailed : .refused, text.span)
    }
  }

  /// The message in base64url (RFC 4648 section 5), without padding: 335 characters of 251 bytes.
  private func base64url(into text: inout TextBuilder<335>) {
    var (bits, bitCount): (UInt32, UInt32) = (0, 0)
    for index in 0..<byteCount {
      bits = bits << 8 | UInt32(message[index])
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        text.append(byte: Self.alphabet.bytes[Int(bits >> bitCount & 63)])
      }
    }
    if bitCount > 0 { text.append(byte: Self.alphabet.bytes[Int(bits << (6 - bitCount) & 63)]) }
  }

  private static var alphabet: StaticString {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  }

  /// What goes below `[enrolment]` in the node's site file.
  func writeLines(_ output: inout Output) {
    var text = TextBuilder<335>()
    base64url(into: &text)
    var start = 0
    for index in 0..<4 where start < text.byteCount {
      let end = min(start + Self.lineByteCount, text.byteCount)
      output.write(Self.key(index))
      output.write(" = ")
      output.write(text.span.extracting(start..<end))
      output.newLine()
      start = end
    }
    precondition(start == text.byteCount, "a document longer than four lines of a site file")
  }

  private static func key(_ index: Int) -> StaticString {
    switch index {
    case 0: "authorization_first"
    case 1: "authorization_second"
    case 2: "authorization_third"
    default: "authorization_fourth"
    }
  }

  /// The members of every document; the object is begun and ended by the caller.
  func writeMembers(file: FixedPath?, _ output: inout Output) {
    output.member("document", text: name)
    output.member("hash", hex: hash.span)
    var text = TextBuilder<335>()
    base64url(into: &text)
    output.member("message", text: text.span)
    output.beginArray("authorization")
    var start = 0
    while start < text.byteCount {
      let end = min(start + Self.lineByteCount, text.byteCount)
      output.element(text: text.span.extracting(start..<end))
      start = end
    }
    output.endArray()
    if let file { output.member("file", text: file.span) } else { output.member(null: "file") }
  }
}
