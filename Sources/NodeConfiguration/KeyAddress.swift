import FixedMemory

/// Where a node's private key is: what keeps it, a colon, and where in there.
///
///     file:/var/lib/cairn/agent/agent.key     a file of docs/key-file.md
///     tpm:0x81010001                          a TPM 2.0: no signer of this build
///     ecc608:i2c-1/0x60/0                     an ATECC608: no signer of this build
///
/// Only a `file:` can be made; what else is asked for is refused by name, so that nobody takes a key in a file for one
/// in a chip.
public struct KeyAddress: Sendable {
  /// What keeps a key.
  enum Scheme: UInt8 {
    case file, tpm, ecc608

    static var count: Int { 3 }

    var text: StaticString {
      switch self {
      case .file: "file"
      case .tpm: "tpm"
      case .ecc608: "ecc608"
      }
    }

    /// For people.
    var words: StaticString {
      switch self {
      case .file: "a file"
      case .tpm: "a TPM 2.0"
      case .ecc608: "an ATECC608"
      }
    }
  }

  /// The file's path, absolute and not a folder's.
  public let path: PathText

  /// Reads an address, or throws why it is none and writes the sentence that goes with it.
  public init(_ text: Span<UInt8>, message: inout Message) throws(Problem.Reason) {
    var colon = 0
    while colon < text.count, text[colon] != UInt8(ascii: ":") { colon += 1 }
    message.write(quoted: text)
    guard colon < text.count else {
      message.write(" says not what keeps the key: write file:/PATH")
      throw .wrongValue
    }
    guard let scheme = Self.find(text.extracting(0..<colon)) else {
      message.write(" begins with no kind of place that is known: write file:/PATH")
      throw .wrongValue
    }
    guard scheme == .file else {
      message.write(" asks for a key in ")
      message.write(scheme.words)
      message.write(", and this build has no such signer: write file:/PATH")
      throw .wrongValue
    }
    let written = text.extracting(colon + 1..<text.count)
    path = try Self.path(written, message: &message)
  }

  private static func find(_ text: Span<UInt8>) -> Scheme? {
    for raw in 0..<Scheme.count {
      if let scheme = Scheme(rawValue: UInt8(raw)), text.equals(scheme.text) { return scheme }
    }
    return nil
  }

  private static func path(
    _ written: Span<UInt8>, message: inout Message
  ) throws(Problem.Reason) -> PathText {
    let slash = UInt8(ascii: "/")
    guard !written.isEmpty else {
      message.write(" names no file: write file:/PATH")
      throw .wrongValue
    }
    guard written[0] == slash else {
      message.write(" is relative, and would change with the folder that a program starts in: ")
      message.write("write file:/PATH")
      throw .wrongValue
    }
    guard written.count == 1 || written[1] != slash else {
      message.write(" has a slash too many behind file: and names no machine: write file:/PATH")
      throw .wrongValue
    }
    guard written[written.count - 1] != slash else {
      message.write(" is a folder: the key is a file in it")
      throw .wrongValue
    }
    guard let path = PathText(written) else {
      message.write(" is longer than ")
      message.write(decimal: Int64(Limits.pathByteCount))
      message.write(" bytes")
      throw .outOfRange
    }
    return path
  }
}
