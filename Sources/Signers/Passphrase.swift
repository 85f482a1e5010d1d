import CLinux
import CSodium
import FixedMemory

/// What a person types, or a file holds, to open a sealed key. It has no description, no copy and no encoder, stands in
/// locked memory, and is wiped when it goes.
///
/// 8 to 256 bytes as they were typed, without control characters. They are not normalised: a letter that can be
/// written in two ways in Unicode is two passphrases.
public struct Passphrase: ~Copyable {
  /// Fewer can be tried out, whatever each attempt costs.
  public static var minimumByteCount: Int { 8 }
  public static var maximumByteCount: Int { 256 }
  /// How long somebody may take to type it.
  public static var patienceMilliseconds: Int64 { 300_000 }

  public enum Failure: Error, Equatable {
    case tooShort
    case tooLong
    /// A control character, or a second line.
    case notOneLine
    /// Standard input is no terminal.
    case noTerminal
    /// The second time it was another.
    case notTheSame
    /// Nobody typed anything in time.
    case noAnswer
    /// A signal, or the terminal has gone.
    case interrupted
    case missingFile
    /// A link, folder, pipe or device.
    case notAFile
    /// The file's mode lets group or others read or write it, or somebody else owns it.
    case readableByOthers(mode: UInt32, owner: UInt32)
    case pathTooLong
    case noSecureMemory
    case system(errno: Int32)
  }

  /// A line of 256 bytes with a CR and its end, and one byte more, so that a longer one is seen.
  private static var capacity: Int { 259 }

  /// From sodium_malloc: locked, left out of core dumps.
  let bytes: UnsafeMutablePointer<UInt8>
  let count: Int

  deinit { sodium_free(bytes) }

  /// From a file that nobody but its owner can read: its one line, whose end may be missing.
  public init(file path: Span<UInt8>) throws(Failure) {
    let keyPath: KeyPath
    do throws(FileKey.Failure) { keyPath = try KeyPath(path) } catch { throw .pathTooLong }
    let bytes = try Self.memory()
    do throws(Failure) {
      var count = try Self.read(keyPath, into: bytes)
      if count > 0, bytes[count - 1] == 0x0a {
        count -= 1
        if count > 0, bytes[count - 1] == 0x0d { count -= 1 }
      }
      try Self.check(bytes, count)
      (self.bytes, self.count) = (bytes, count)
    } catch {
      sodium_free(bytes)
      throw error
    }
  }

  /// Asks on the terminal, without showing what is typed; a new one twice.
  public init(asking prompt: StaticString, again: StaticString? = nil) throws(Failure) {
    let bytes = try Self.memory()
    do throws(Failure) {
      let count = try Self.ask(prompt, into: bytes)
      try Self.check(bytes, count)
      if let again {
        let second = try Self.memory()
        defer { sodium_free(second) }
        let secondCount = try Self.ask(again, into: second)
        guard secondCount == count, sodium_memcmp(bytes, second, count) == 0 else {
          throw .notTheSame
        }
      }
      (self.bytes, self.count) = (bytes, count)
    } catch {
      sodium_free(bytes)
      throw error
    }
  }

  /// One line of whoever reads for us: `read` fills at most so many bytes and returns how many, or -errno.
  public init(reading read: (UnsafeMutablePointer<UInt8>, Int) -> Int64) throws(Failure) {
    let bytes = try Self.memory()
    do throws(Failure) {
      let count = read(bytes, Self.maximumByteCount)
      switch count {
      case 0...Int64(Self.maximumByteCount): break
      case -Int64(E2BIG): throw .tooLong
      case -Int64(EILSEQ): throw .notOneLine
      case -Int64(ETIMEDOUT): throw .noAnswer
      case -Int64(EINTR), -Int64(EPIPE), -Int64(ECANCELED): throw .interrupted
      default: throw .system(errno: Int32(truncatingIfNeeded: -count))
      }
      guard count > 0 else { throw .noAnswer }
      try Self.check(bytes, Int(count))
      (self.bytes, self.count) = (bytes, Int(count))
    } catch {
      sodium_free(bytes)
      throw error
    }
  }

  /// The same text.
  public static func == (left: borrowing Passphrase, right: borrowing Passphrase) -> Bool {
    left.count == right.count && sodium_memcmp(left.bytes, right.bytes, left.count) == 0
  }

  private static func memory() throws(Failure) -> UnsafeMutablePointer<UInt8> {
    guard sodium_init() >= 0,
      let memory = sodium_malloc(capacity)?.assumingMemoryBound(to: UInt8.self)
    else { throw .noSecureMemory }
    return memory
  }

  private static func read(_ path: KeyPath, into bytes: UnsafeMutablePointer<UInt8>)
    throws(Failure) -> Int
  {
    var state = cairn_key_file_state()
    let count = path.file.span.withUnsafeBufferPointer {
      cairn_key_file_read($0.baseAddress, bytes, Int64(capacity), &state)
    }
    if count == -Int64(ENOENT) || count == -Int64(ENOTDIR) { throw .missingFile }
    if count == -Int64(ELOOP) { throw .notAFile }
    guard count >= 0 else { throw .system(errno: Int32(-count)) }
    guard state.is_regular != 0 else { throw .notAFile }
    let user = cairn_effective_user()
    guard state.mode & 0o077 == 0, user == 0 || state.owner == user else {
      throw .readableByOthers(mode: state.mode, owner: state.owner)
    }
    return Int(count)
  }

  private static func ask(_ prompt: StaticString, into bytes: UnsafeMutablePointer<UInt8>)
    throws(Failure) -> Int
  {
    let count = cairn_passphrase_ask(
      prompt.utf8Start, Int64(prompt.utf8CodeUnitCount), bytes, Int64(capacity),
      patienceMilliseconds)
    switch count {
    case 0...: return Int(count)
    case -Int64(ENOTTY): throw .noTerminal
    case -Int64(E2BIG): throw .tooLong
    case -Int64(ETIMEDOUT): throw .noAnswer
    case -Int64(EINTR), -Int64(EPIPE): throw .interrupted
    default: throw .system(errno: Int32(-count))
    }
  }

  private static func check(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) throws(Failure) {
    guard count <= maximumByteCount else { throw .tooLong }
    guard count >= minimumByteCount else { throw .tooShort }
    for index in 0..<count where bytes[index] < 0x20 || bytes[index] == 0x7f { throw .notOneLine }
  }
}

extension Passphrase.Failure {
  /// What happened and what to do, for people.
  public var explanation: StaticString {
    switch self {
    case .tooShort: "a passphrase has at least 8 bytes"
    case .tooLong: "a passphrase has at most 256 bytes"
    case .notOneLine: "a passphrase is one line without control characters"
    case .noTerminal:
      "there is no terminal to ask for the passphrase on: name a file with --passphrase-file"
    case .notTheSame: "the second passphrase is not the first; nothing was made"
    case .noAnswer: "no passphrase within five minutes"
    case .interrupted: "interrupted while the passphrase was asked for"
    case .missingFile: "there is no such passphrase file"
    case .notAFile: "the passphrase file is not a file of its own: a link, folder, pipe or device"
    case .readableByOthers:
      "others can read or change the passphrase file: make it yours alone (chmod 600, chown)"
    case .pathTooLong: "the path of the passphrase file is too long"
    case .noSecureMemory:
      "no locked memory left for the passphrase: raise RLIMIT_MEMLOCK (ulimit -l)"
    case .system: "the passphrase can't be read"
    }
  }
}
