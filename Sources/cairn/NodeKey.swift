import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs

/// Why the public key can't be shown.
enum KeyProblem: Error, Equatable {
  case file(FileFailure)
  /// So many bytes that it is no Ed25519 key.
  case wrongByteCount(Int)

  func explain(_ text: inout TextBuilder<512>) {
    switch self {
    case .file(.notFound):
      text.append(
        "no public key: the agent writes it when it first starts, or --state names another folder")
    case .file(.notAFile): text.append("is not a file")
    case .file(.tooLong): text.append("has more than 32 bytes: not an Ed25519 public key")
    case .file(.system(let errno)) where errno == EACCES || errno == EPERM:
      text.append("this user may not read it: run as root, or as a member of the group cairn")
    case .file(.system(let errno)):
      text.append("can't be read: errno ")
      text.append(errno)
    case .file(.pathTooLong), .file(.noSpace): text.append("can't be read")
    case .wrongByteCount(let count):
      text.append("has ")
      text.append(count)
      text.append(" bytes, not 32: not an Ed25519 public key")
    }
  }

  var status: ExitStatus {
    switch self {
    case .file(.notFound): .unavailable
    case .file, .wrongByteCount: .refused
    }
  }
}

/// The node's public key, as the agent has written it.
func readPublicKey(_ path: FixedPath) throws(KeyProblem) -> PublicKey {
  var bytes = InlineArray<32, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  let count: Int
  do throws(FileFailure) { count = try readFile(path, into: &span) } catch { throw .file(error) }
  guard let key = FixedBytes<32>(span.span.extracting(0..<count)) else {
    throw .wrongByteCount(count)
  }
  return PublicKey(ed25519: key)
}

/// The same, or the end of the program.
func publicKeyOrEnd(_ paths: NodePaths) -> PublicKey {
  do throws(KeyProblem) { return try readPublicKey(paths.publicKey) } catch {
    var text = TextBuilder<512>()
    text.append("cairn: ")
    text.append(untrusted: paths.publicKey.span)
    text.append(": ")
    error.explain(&text)
    end(error.status, text.span)
  }
}

/// `cairn key show`.
enum KeyCommand {
  static func show(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let showsQR = arguments.wantsQR(output.console)
    let key = publicKeyOrEnd(nodePaths(arguments))
    if arguments.isJSON {
      output.beginObject()
      output.members(of: key)
      output.endDocument()
      return .success
    }
    output.lines(of: key)
    output.row("algorithm")
    output.write("Ed25519")
    output.newLine()
    if showsQR { output.write(qrCode: key.didKey.span) }
    return .success
  }
}

extension Output {
  mutating func line(_ name: StaticString, hex bytes: Span<UInt8>) {
    row(name)
    write(hex: bytes)
    newLine()
  }

  /// The names of a key, and the key.
  mutating func lines(of key: PublicKey) {
    line("kid", hex: key.keyID.span)
    line("sha-256", hex: key.hash.span)
    line("key", hex: key.bytes.span)
    row("did")
    write(key.didKey)
    newLine()
  }

  /// The names of a key.
  mutating func members(of key: PublicKey) {
    member("kid", hex: key.keyID.span)
    member("sha256", hex: key.hash.span)
    member("did", text: key.didKey.span)
    member("publicKey", hex: key.bytes.span)
    member("algorithm", text: "Ed25519")
  }
}
