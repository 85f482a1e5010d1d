import FixedMemory
import LinuxPlatform
import NodeFiles

/// The machine that a profile is compared with: the files of its kernel. Looked at, never used.
struct BoardMachine<GPIO: GPIOInformationSource> {
  /// Before each absolute path; nil for the machine itself.
  let root: FixedPath?
  let gpio: GPIO
  /// The bytes of /proc/device-tree/compatible.
  private var treeBytes = InlineArray<512, UInt8>(repeating: 0)
  private var treeCount = 0

  init(root: FixedPath?, gpio: GPIO) {
    self.root = root
    self.gpio = gpio
    guard let file = path(BoardChoice.deviceTreeFile.bytes) else { return }
    var span = treeBytes.mutableSpan
    // Without the file the machine has no device tree.
    do throws(FileFailure) { treeCount = try readFile(file, into: &span) } catch {}
  }

  /// Empty where the kernel has none.
  var deviceTree: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { treeBytes.span.extracting(0..<treeCount) }
  }

  var hasDeviceTree: Bool { treeCount > 0 }

  /// Its firmware reads config.txt.
  var isRaspberryPi: Bool {
    let maker: StaticString = "raspberrypi,"
    return treeCount > maker.utf8CodeUnitCount
      && deviceTree.extracting(0..<maker.utf8CodeUnitCount).equals(maker)
  }

  func path(_ absolute: Span<UInt8>) -> FixedPath? {
    guard let root else { return FixedPath(absolute) }
    return root.appending(name: absolute)
  }

  /// /dev.
  var deviceFolder: FixedPath? {
    let folder: StaticString = "/dev"
    return path(folder.bytes)
  }

  func presence(of absolute: Span<UInt8>) -> DevicePresence {
    guard let path = path(absolute) else { return .missing }
    return DevicePresence(at: path)
  }

  /// Whether something stands in a folder under that name.
  func has(_ name: Span<UInt8>, in folder: StaticString) -> Bool {
    guard let folder = path(folder.bytes), let path = folder.appending(name: name) else {
      return false
    }
    return fileExists(path)
  }

  /// Whether the kernel writes its console to the serial line: /proc/consoles names it, or /proc/cmdline where
  /// there is no such file. A link is followed one step, as /dev/serial0 is one.
  func isConsole(_ absolute: Span<UInt8>) -> Bool {
    let own = lastName(of: absolute)
    if isConsole(named: own) { return true }
    guard let path = path(absolute), let target = linkTarget(path) else { return false }
    return isConsole(named: lastName(of: target.span))
  }

  private func isConsole(named name: Span<UInt8>) -> Bool {
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    if let count = read("/proc/consoles", into: &span) {
      return startsLine(name, in: span.span.extracting(0..<count))
    }
    guard let count = read("/proc/cmdline", into: &span) else { return false }
    return isOption(name, in: span.span.extracting(0..<count))
  }

  private func read(_ file: StaticString, into span: inout MutableSpan<UInt8>) -> Int? {
    guard let path = path(file.bytes) else { return nil }
    do throws(FileFailure) { return try readFile(path, into: &span) } catch { return nil }
  }

  /// "ttyAMA0  -W- (EC p a)  204:64"
  private func startsLine(_ name: Span<UInt8>, in text: Span<UInt8>) -> Bool {
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
      let line = text.extracting(start..<end)
      if line.count > name.count, line.extracting(0..<name.count).equals(name),
        line[name.count] == UInt8(ascii: " ")
      {
        return true
      }
      start = end + 1
    }
    return false
  }

  /// "console=ttyS0,115200n8"
  private func isOption(_ name: Span<UInt8>, in text: Span<UInt8>) -> Bool {
    let key: StaticString = "console="
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] > UInt8(ascii: " ") { end += 1 }
      let word = text.extracting(start..<end)
      if word.count >= key.utf8CodeUnitCount + name.count,
        word.extracting(0..<key.utf8CodeUnitCount).equals(key)
      {
        let value = word.extracting(key.utf8CodeUnitCount..<word.count)
        if value.extracting(0..<name.count).equals(name),
          value.count == name.count || value[name.count] == UInt8(ascii: ",")
        {
          return true
        }
      }
      start = end + 1
    }
    return false
  }
}

/// What stands behind the last slash.
@_lifetime(copy path)
func lastName(of path: Span<UInt8>) -> Span<UInt8> {
  var start = path.count
  while start > 0, path[start - 1] != UInt8(ascii: "/") { start -= 1 }
  return path.extracting(start..<path.count)
}
