import CLinux
import FixedMemory

/// The user that this process acts as.
public var effectiveUserID: UInt32 { cairn_effective_user() }

/// The user that owns what stands at a path; nil when nothing does.
public func ownerUserID(of path: FixedPath) -> UInt32? {
  UInt32(exactly: unsafe path.withPointer { unsafe cairn_file_owner($0) })
}

/// The number of the user with a name, by /etc/passwd; nil when there is none. No name service is asked: the users
/// of our own programs are made there by systemd-sysusers.
public func userID(named name: StaticString, in path: FixedPath = FixedPath("/etc/passwd"))
  -> UInt32?
{
  var line = PasswordLine(name: name)
  var bytes = InlineArray<512, UInt8>(repeating: 0)
  do throws(SystemError) {
    let file = try openFile(path, flags: CAIRN_OPEN_READ, mode: 0)
    // 1 MiB is 10 000 users and more.
    for _ in 0..<2048 {
      var span = bytes.mutableSpan
      let count = try file.read(into: &span)
      if count == 0 { return line.isFound ? line.number : nil }
      for index in 0..<count where line.take(bytes[index]) { return line.number }
    }
  } catch {}
  return nil
}

/// name:password:number:… (passwd(5)), byte by byte.
private struct PasswordLine {
  let name: StaticString
  private var field = 0
  private var position = 0
  private var isNamed = true
  private var digitCount = 0
  private(set) var number: UInt32? = 0

  init(name: StaticString) { self.name = name }

  var isFound: Bool {
    isNamed && field >= 2 && digitCount > 0 && number != nil
  }

  /// True when the line that ends with this byte is the user's.
  mutating func take(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "\n"):
      if isFound { return true }
      self = PasswordLine(name: name)
    case UInt8(ascii: ":"):
      if field == 0, position != name.utf8CodeUnitCount { isNamed = false }
      field += 1
    default: takeInside(byte)
    }
    return false
  }

  private mutating func takeInside(_ byte: UInt8) {
    if field == 0 {
      let isInside = position < name.utf8CodeUnitCount
      let expected = isInside ? unsafe name.utf8Start[position] : 0
      isNamed = isNamed && isInside && expected == byte
      position += 1
    } else if field == 2 {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), let before = number else {
        number = nil
        return
      }
      let (product, overflowed) = before.multipliedReportingOverflow(by: 10)
      let (sum, carried) = product.addingReportingOverflow(UInt32(byte - UInt8(ascii: "0")))
      number = overflowed || carried ? nil : sum
      digitCount += 1
    }
  }
}
