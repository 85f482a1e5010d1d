import CLinux
import FixedMemory

extension SealedKey {
  /// Reads a sealed key's file; a link at its name is not followed. Whoever can read it learns the public key.
  public init(reading path: Span<UInt8>) throws(Failure) {
    var bytes = InlineArray<1025, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = try Self.read(Self.path(path), into: &span)
    self = try Self(decoding: span.span.extracting(0..<count))
  }

  /// Makes a new file with mode 0600, durably, and reads it again. Whatever stands at the path stays.
  public func create(at path: Span<UInt8>) throws(Failure) {
    let path = try Self.path(path)
    var text = TextBuilder<548>()
    write(to: &text)
    let result = text.span.withUnsafeBufferPointer { content in
      path.file.span.withUnsafeBufferPointer { file in
        path.folder.span.withUnsafeBufferPointer {
          cairn_sealed_file_create(
            file.baseAddress, $0.baseAddress, content.baseAddress, Int64(content.count))
        }
      }
    }
    switch result {
    case 0: break
    case -EEXIST: throw .exists
    case -ENOENT, -ENOTDIR: throw .noFolder
    default: throw .system(errno: -result)
    }
    var bytes = InlineArray<1025, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count = try Self.read(path, into: &span)
    guard span.span.extracting(0..<count).equals(text.span) else { throw .notWritten }
  }

  private static func path(_ path: Span<UInt8>) throws(Failure) -> KeyPath {
    do throws(FileKey.Failure) { return try KeyPath(path) } catch { throw .pathTooLong }
  }

  private static func read(_ path: KeyPath, into bytes: inout MutableSpan<UInt8>) throws(Failure)
    -> Int
  {
    var state = cairn_key_file_state()
    let count = path.file.span.withUnsafeBufferPointer { pathBytes in
      bytes.withUnsafeMutableBufferPointer {
        cairn_key_file_read(pathBytes.baseAddress, $0.baseAddress, Int64($0.count), &state)
      }
    }
    if count == -Int64(ENOENT) || count == -Int64(ENOTDIR) { throw .missing }
    if count == -Int64(ELOOP) { throw .notAFile }
    guard count >= 0 else { throw .system(errno: Int32(-count)) }
    guard state.is_regular != 0 else { throw .notAFile }
    return Int(count)
  }
}

extension SealedKey.Failure {
  /// What happened and what to do, for people.
  public var explanation: StaticString {
    switch self {
    case .notSealed: "is not a sealed key"
    case .unsupportedVersion: "is a sealed key of a later version of Cairn"
    case .damaged:
      "is a sealed key that is damaged: cut, or a letter copied wrongly. Take another copy, or compare with the paper"
    case .costOutOfBounds:
      "asks for work outside of 1 to 10 passes over 1 to 256 MiB: no writer of this format does"
    case .wrongPassphrase: "wrong passphrase, or the file is damaged"
    case .noMemory: "not enough memory to try the passphrase: 64 MiB are needed as a rule"
    case .noRandomness: "the kernel gives no random bytes"
    case .missing: "no such file"
    case .notAFile: "is not a file of its own: a link, folder, pipe or device"
    case .tooLarge: "is larger than 1024 bytes: not a sealed key"
    case .exists: "is there already, and is never overwritten: choose another name, or move it away"
    case .noFolder: "its folder is not there"
    case .pathTooLong: "the path is too long"
    case .notWritten:
      "reads otherwise than it was written: the disk is not to be trusted with a key"
    case .system(let errno) where errno == EACCES || errno == EPERM: "this user may not"
    case .system(let errno) where errno == ENOSPC || errno == EDQUOT: "no room on the disk"
    case .system(let errno) where errno == EROFS: "the file system is read-only"
    case .system: "can't be read or written: look at `dmesg`"
    }
  }
}
