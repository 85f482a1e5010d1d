import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// When the agent looks at its devices: when something in their folders has changed, a minute after the last look,
/// and never more than ten times a second. Without a watcher every five seconds.
struct DeviceFolders: ~Copyable {
  /// A plug that bounces wakes the agent ten times a second at most.
  static var shortestSpacingMilliseconds: Int64 { 100 }
  /// What no folder tells: a line that another program has given back.
  static var longestSpacingMilliseconds: Int64 { 60_000 }
  static var spacingWithoutWatcherMilliseconds: Int64 { 5000 }

  private var watcher: FolderWatcher?
  private var slot: Int?
  private var isChanged = false
  private var lastLook: Int64 = 0
  /// A line that ended asks for a look of its own: whether its device is there still.
  private var wantedLook: Int64? = 0

  /// Watches the folders of what the configuration uses.
  init(_ files: borrowing NodeConfigurationFiles) {
    do throws(SystemError) {
      var new = try FolderWatcher()
      for index in files.board.buses.indices {
        let bus = files.board.buses[index]
        guard files.site.uses(bus: bus.name), let path = FixedPath(bus.path.span) else { continue }
        if try !new.add(path.directory) { Self.tell(path, "more folders of devices than 8") }
      }
      if let gnss = files.site.gnss, let line = files.board.serialLine(named: gnss.port),
        let path = FixedPath(line.path.span), try !new.add(path.directory)
      {
        Self.tell(path, "more folders of devices than 8")
      }
      if let path = files.radioDevice, try !new.add(path.directory) {
        Self.tell(path, "more folders of devices than 8")
      }
      watcher = consume new
    } catch {
      Self.tell(error)
    }
  }

  /// True when it is time to look; the look then counts as done.
  mutating func takeLook(now: Int64) -> Bool {
    guard now >= nextLookMilliseconds else { return false }
    isChanged = false
    wantedLook = nil
    lastLook = now
    return true
  }

  /// Asks for a look soon.
  mutating func wantLook() { wantedLook = lastLook + Self.shortestSpacingMilliseconds }

  var nextLookMilliseconds: Int64 {
    if isChanged { return lastLook + Self.shortestSpacingMilliseconds }
    let regular =
      watcher == nil ? Self.spacingWithoutWatcherMilliseconds : Self.longestSpacingMilliseconds
    return min(wantedLook ?? .max, lastLook + regular)
  }

  /// While a look waits for its time, more changes wake nobody.
  mutating func watch(_ poller: inout Poller) {
    slot = nil
    guard !isChanged, let current = watcher.take() else { return }
    slot = poller.watch(current.pollDescriptor)
    watcher = consume current
  }

  mutating func take(_ poller: borrowing Poller) {
    guard let slot, poller.isReadable(slot), var current = watcher.take() else { return }
    do throws(SystemError) {
      if try current.takeChanges() { isChanged = true }
      watcher = consume current
    } catch {
      isChanged = true
      Self.tell(error)
    }
  }

  private static func tell(_ path: FixedPath, _ what: StaticString) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(path.span)
    text.append(": ")
    text.append(what)
    text.append(": it is looked at once a minute\n")
    write(text)
  }

  private static func tell(_ error: SystemError) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: the folders of devices can't be watched: ")
    text.append(error)
    text.append(": they are looked at every 5 s\n")
    write(text)
  }

  private static func write(_ text: borrowing TextBuilder<512>) {
    // Without a reader of standard error the agent measures all the same.
    do throws(SystemError) { try StandardStream.error.write(text) } catch {}
  }
}

extension NodeConfigurationFiles {
  /// The serial line of the radio's module, or the SPI bus of its chip; nil without a radio.
  var radioDevice: FixedPath? {
    guard let radio = site.radio else { return nil }
    if let wiring = board.loRaWiring(named: radio.wiring) {
      return board.spiBus(named: wiring.spi).flatMap { FixedPath($0.path.span) }
    }
    return board.serialLine(named: radio.port).flatMap { FixedPath($0.path.span) }
  }
}

extension SiteConfiguration {
  /// True when a sensor stands on the bus.
  func uses(bus name: Name) -> Bool {
    for index in sensors.indices where sensors[index].bus == name { return true }
    return false
  }
}
