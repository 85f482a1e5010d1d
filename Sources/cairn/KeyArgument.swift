import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import P256Signatures
import Proofs
import Verifier

/// The value of an option that is a KEY: hexadecimal digits, 64 of an Ed25519 key or 66 of a P-256 point, a did:key, or
/// a file with 32 or 33 bytes or one of these. Anything else ends the program.
func keyOrEnd(_ arguments: borrowing Arguments, _ option: Command.Option) -> PublicKey {
  if let key = keyInWords(arguments.value(of: option)) { return key }
  var bytes = InlineArray<128, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  let path = pathOrEnd(arguments.value(of: option))
  let count: Int
  do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
    var why = TextBuilder<160>()
    switch error {
    case .notFound: why.append("no such file, and no key in words")
    case .notAFile: why.append("is not a file")
    case .tooLong: why.append("larger than 128 bytes: no key")
    case .pathTooLong, .noSpace: why.append("can't be read")
    case .system(let errno): why.append(SystemError(errno: errno))
    }
    endForKey(option, path, why.span)
  }
  if let key = keyInBytes(span.span.extracting(0..<count)) { return key }
  var end = count
  while end > 0, span.span[end - 1] == 0x0a || span.span[end - 1] == 0x0d { end -= 1 }
  if let key = keyInWords(span.span.extracting(0..<end)) { return key }
  let why: StaticString =
    "not a key: 32 bytes (Ed25519), 33 (P-256), as many in hexadecimal, or a did:key"
  endForKey(option, path, why.bytes)
}

/// The same for a key that somebody must be able to hold; `isEd25519`: of no other algorithm.
func possibleKeyOrEnd(
  _ arguments: borrowing Arguments, _ option: Command.Option, isEd25519: Bool
) -> PublicKey {
  let key = keyOrEnd(arguments, option)
  guard !isEd25519 || key.algorithm == .ed25519 else {
    refuse(option, ": a P-256 key, where only Ed25519 is used: gateways and owners have such keys")
  }
  // Under Ed25519 keys of small order anybody could sign, under bytes that are no point nobody.
  guard SignatureCheck.isPossibleKey(key, es256: OpenSSLES256()) else {
    refuse(option, ": nobody can hold this key: not a point of the curve, or one of small order")
  }
  return key
}

/// A device key that a document names by its hash only: a KEY, or `sha256:` and its 64 digits, as gateways show it.
func keyHashOrEnd(_ arguments: borrowing Arguments, _ option: Command.Option) -> Digest {
  let text = arguments.value(of: option)
  let prefix: StaticString = "sha256:"
  let count = prefix.utf8CodeUnitCount
  guard text.count >= count, text.extracting(0..<count).equals(prefix) else {
    return possibleKeyOrEnd(arguments, option, isEd25519: false).hash
  }
  guard let hash: FixedBytes<32> = fixedHex(text.extracting(count..<text.count)) else {
    refuse(option, ": sha256: is followed by 64 hexadecimal digits")
  }
  return hash
}

/// A node's id.
func nodeOrEnd(_ arguments: borrowing Arguments) -> Digest {
  guard arguments.has(.node) else { refuse(.node, " is needed: the node's id") }
  guard let node: FixedBytes<32> = fixedHex(arguments.value(of: .node)) else {
    refuse(.node, ": a node's id is 64 hexadecimal digits, the hash of its first enrolment")
  }
  return node
}

/// Ends the program: an option is wrong, or is not there.
func refuse(_ option: Command.Option, _ what: StaticString) -> Never {
  var text = TextBuilder<256>()
  text.append("cairn: ")
  text.append(option.text)
  text.append(what)
  end(.usage, text.span)
}

func pathOrEnd(_ text: Span<UInt8>) -> FixedPath {
  guard let path = FixedPath(text) else {
    end(.usage, "cairn: a file's path has 1 to 255 bytes")
  }
  return path
}

private func endForKey(_ option: Command.Option, _ path: FixedPath, _ why: Span<UInt8>) -> Never {
  var text = TextBuilder<512>()
  text.append("cairn: ")
  text.append(option.text)
  text.append(": ")
  text.append(untrusted: path.span)
  text.append(": ")
  text.append(why)
  end(.usage, text.span)
}

private func keyInBytes(_ bytes: Span<UInt8>) -> PublicKey? {
  PublicKey(algorithm: .ed25519, bytes: bytes) ?? PublicKey(algorithm: .es256, bytes: bytes)
}

private func keyInWords(_ text: Span<UInt8>) -> PublicKey? {
  if let key = PublicKey(didKey: text) { return key }
  if let bytes: FixedBytes<32> = fixedHex(text) { return PublicKey(ed25519: bytes) }
  guard let point: FixedBytes<33> = fixedHex(text) else { return nil }
  return PublicKey(algorithm: .es256, bytes: point.span)
}

/// Exactly as many bytes in hexadecimal digits of either case.
func fixedHex<let count: Int>(_ text: Span<UInt8>) -> FixedBytes<count>? {
  guard text.count == 2 * count else { return nil }
  var bytes = FixedBytes<count>()
  for index in 0..<count {
    guard let high = hexDigit(text[2 * index]), let low = hexDigit(text[2 * index + 1]) else {
      return nil
    }
    bytes[index] = high << 4 | low
  }
  return bytes
}

private func hexDigit(_ letter: UInt8) -> UInt8? {
  switch letter {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): letter - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): letter - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): letter - UInt8(ascii: "A") + 10
  default: nil
  }
}
