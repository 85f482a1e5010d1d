import FixedMemory
import LinuxPlatform
import NodeFiles

/// How the state's file system is mounted, and what its device says of itself.
extension Checkup {
  func checkMount(_ folder: FixedPath, _ sink: inout some DoctorSink & ~Copyable) {
    var bytes = InlineArray<65536, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let facts: FileFacts
    let count: Int
    do throws(SystemError) { facts = try FileFacts(at: folder) } catch { return }
    do throws(FileFailure) {
      count = try readFile(FixedPath("/proc/self/mountinfo"), into: &span)
    } catch {
      sink.take(DoctorRow(.diskOptions, .notChecked, "/proc/self/mountinfo can't be read"))
      return
    }
    let list = span.span.extracting(0..<count)
    guard let mount = MountEntry(of: facts, at: folder.span, in: list) else {
      sink.take(DoctorRow(.diskOptions, .notChecked, "the kernel lists no mount of this folder"))
      return
    }
    sink.take(Self.optionsRow(mount))
    checkErrors(mount, &sink)
    checkWear(mount, &sink)
  }

  static func optionsRow(_ mount: MountEntry) -> DoctorRow {
    var row = DoctorRow(.diskOptions, .ok)
    row.reason.append(untrusted: mount.type.span)
    row.reason.append(", ")
    row.reason.append(untrusted: mount.options.span)
    if !mount.has("noatime"), !mount.has("relatime") {
      row.judge(
        .warning,
        do: """
          Mount it with noatime (/etc/fstab): else each \
          reading of a file writes the card.
          """)
    }
    return row
  }

  /// ext4 counts what it had to tell the kernel's log.
  private func checkErrors(_ mount: MountEntry, _ sink: inout some DoctorSink & ~Copyable) {
    guard mount.type.span.equals("ext4"),
      let path = FixedPath("/sys/fs/ext4").appending(name: mount.device.span)?
        .appending(name: "errors_count"), let count = Self.number(path)
    else { return }
    var row = DoctorRow(.diskErrors, .ok)
    row.reason.append(count)
    row.reason.append(" since the last check of the file system")
    if count > 0 {
      row.judge(
        .failed,
        do: """
          Make a backup, then check it: `touch \
          /forcefsck` or `fsck`, and `dmesg`.
          """)
    }
    sink.take(row)
  }

  /// eMMC tells in tenths how much of its life is used (JEDEC JESD84-B51, 7.4.55); SD cards tell nothing.
  private func checkWear(_ mount: MountEntry, _ sink: inout some DoctorSink & ~Copyable) {
    var disk = FixedText<40>()
    let name = mount.device.span
    guard name.count > 7, name.extracting(0..<6).equals("mmcblk") else { return }
    for index in name.indices {
      if name[index] == UInt8(ascii: "p") { break }
      disk.write(byte: name[index])
    }
    guard
      let path = FixedPath("/sys/block").appending(name: disk.span)?
        .appending(name: "device/life_time")
    else { return }
    var bytes = InlineArray<64, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      sink.take(Self.wearRow(span.span.extracting(0..<count)))
    } catch {
      sink.take(DoctorRow(.diskWear, .notChecked, "this card does not tell; SD cards don't"))
    }
  }

  /// Two numbers such as `0x01 0x02`: the worse counts. 0x0b is beyond the end; 0x00 is not told.
  static func wearRow(_ text: Span<UInt8>) -> DoctorRow {
    var worst: UInt8 = 0
    for index in text.indices where text[index] == UInt8(ascii: "x") && index + 2 < text.count {
      let digit = text[index + 2]
      if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
        worst = max(worst, digit - UInt8(ascii: "0"))
      } else if (UInt8(ascii: "a")...UInt8(ascii: "b")).contains(digit) {
        worst = max(worst, digit - UInt8(ascii: "a") + 10)
      }
    }
    return wearRow(tenths: worst)
  }

  private static func wearRow(tenths: UInt8) -> DoctorRow {
    var row = DoctorRow(.diskWear, .ok)
    guard tenths > 0 else {
      row.reason.append("the card does not tell")
      row.state = .notChecked
      return row
    }
    row.reason.append("at most ")
    row.reason.append(UInt64(tenths) * 10)
    row.reason.append("\u{1f}% of its life is used")
    if tenths >= 10 {
      row.judge(
        .failed,
        do: """
          Make a backup of the key (`cairn key \
          backup`), and replace the card.
          """)
    } else if tenths >= 8 {
      row.judge(.warning, do: "Plan its replacement; `cairn key backup` saves the key.")
    }
    return row
  }

  private static func number(_ path: FixedPath) -> UInt64? {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    do throws(FileFailure) {
      var count = try readFile(path, into: &span)
      while count > 0, span[count - 1] <= 0x20 { count -= 1 }
      return decimal(span.span.extracting(0..<count))
    } catch { return nil }
  }
}

/// A line of /proc/self/mountinfo (proc(5)):
///
///     36 35 98:0 /root /mnt rw,noatime master:1 - ext4 /dev/mmcblk0p2 rw,errors=continue
struct MountEntry {
  var options = FixedText<96>()
  var type = FixedText<24>()
  /// The last part of the source's path.
  var device = FixedText<40>()

  /// A device may be mounted at several places, each with options of its own: that with the longest part of `path`,
  /// and of several there the last, which lies above. Without one (a link leads there) the device's last mount. Nil
  /// when the device has none.
  init?(of file: FileFacts, at path: Span<UInt8>, in list: Span<UInt8>) {
    var wanted = TextBuilder<32>()
    wanted.append(file.deviceMajor)
    wanted.append(":")
    wanted.append(file.deviceMinor)
    var best = 0
    var isFound = false
    var lines = WordReader(list)
    while lines.nextLine() {
      guard let length = Self.length(of: lines.word, wanted.span, path), length >= best,
        take(lines.word)
      else { continue }
      (best, isFound) = (length, true)
    }
    if !isFound { return nil }
  }

  /// How many bytes of the path the mount's place has: 0 when it lies elsewhere. Nil for another device's mount.
  private static func length(
    of line: Span<UInt8>, _ wanted: Span<UInt8>, _ path: Span<UInt8>
  ) -> Int? {
    var words = WordReader(line)
    for _ in 0..<3 { guard words.nextWord() else { return nil } }
    guard words.word.equals(wanted), words.nextWord(), words.nextWord() else { return nil }
    let place = words.word
    let count = place.count
    guard count > 0, count <= path.count, path.extracting(0..<count).equals(place) else { return 0 }
    let isWhole = count == path.count || path[count] == UInt8(ascii: "/")
    return isWhole || place[count - 1] == UInt8(ascii: "/") ? count : 0
  }

  private mutating func take(_ line: Span<UInt8>) -> Bool {
    var words = WordReader(line)
    for _ in 0..<6 { guard words.nextWord() else { return false } }
    options.removeAll()
    options.write(words.word)
    while words.nextWord() {
      guard words.word.equals("-") else { continue }
      guard words.nextWord() else { return false }
      type.removeAll()
      type.write(words.word)
      guard words.nextWord() else { return false }
      let source = words.word
      var start = source.count
      while start > 0, source[start - 1] != UInt8(ascii: "/") { start -= 1 }
      device.removeAll()
      device.write(source.extracting(start..<source.count))
      return true
    }
    return false
  }

  /// One of the options between commas.
  func has(_ option: StaticString) -> Bool {
    let text = options.span
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: ",") { end += 1 }
      if text.extracting(start..<end).equals(option) { return true }
      start = end + 1
    }
    return false
  }
}
