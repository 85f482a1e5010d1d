import CLinux
import FixedMemory

/// What a GPIO chip says of itself.
public struct GPIOChipInformation: Sendable {
  public var label: FixedText<31>
  public var lineCount: UInt32

  public init(label: FixedText<31>, lineCount: UInt32) {
    self.label = label
    self.lineCount = lineCount
  }
}

/// What the kernel says of a line of a chip.
public struct GPIOLineInformation: Sendable {
  /// Empty when the device tree has no name for it.
  public var name: FixedText<31>
  /// Who holds it; empty for the kernel itself.
  public var consumer: FixedText<31>
  public var isUsed: Bool
  public var isOutput: Bool

  public init(name: FixedText<31>, consumer: FixedText<31>, isUsed: Bool, isOutput: Bool) {
    self.name = name
    self.consumer = consumer
    self.isUsed = isUsed
    self.isOutput = isOutput
  }
}

/// Where information about chips comes from: the kernel, or a test.
public protocol GPIOInformationSource {
  func chip(at path: FixedPath) throws(SystemError) -> GPIOChipInformation
  func line(_ offset: UInt32, at path: FixedPath) throws(SystemError) -> GPIOLineInformation
}

/// The kernel's own answers (linux/gpio.h: GPIO_GET_CHIPINFO_IOCTL, GPIO_V2_GET_LINEINFO_IOCTL). Asking takes no line.
public struct KernelGPIOInformation: GPIOInformationSource {
  public init() {}

  public func chip(at path: FixedPath) throws(SystemError) -> GPIOChipInformation {
    var chip = cairn_gpio_chip()
    _ = try checked(unsafe path.withPointer { unsafe cairn_gpio_look_at_chip($0, &chip) })
    return GPIOChipInformation(label: text(chip.label), lineCount: chip.lines)
  }

  public func line(_ offset: UInt32, at path: FixedPath) throws(SystemError)
    -> GPIOLineInformation
  {
    var line = cairn_gpio_line()
    _ = try checked(unsafe path.withPointer { unsafe cairn_gpio_look_at_line($0, offset, &line) })
    return GPIOLineInformation(
      name: text(line.name), consumer: text(line.consumer), isUsed: line.is_used != 0,
      isOutput: line.is_output != 0)
  }

  /// Up to the NUL, which the wrapper has seen to.
  private func text<Name>(_ name: Name) -> FixedText<31> {
    var text = FixedText<31>()
    var copy = name
    unsafe withUnsafeBytes(of: &copy) { bytes in
      for index in 0..<min(31, bytes.count) {
        let byte = unsafe bytes[index]
        if byte == 0 { return }
        text.write(byte: byte)
      }
    }
    return text
  }
}

/// The GPIO chips of a machine, by label.
public struct GPIOChipDirectory<Source: GPIOInformationSource> {
  public struct Chip: Sendable {
    public let path: FixedPath
    public let information: GPIOChipInformation
  }

  /// An Orange Pi has two, a Raspberry Pi 5 has seven.
  public private(set) var chips = FixedArray<16, Chip?>(filler: nil)
  /// Why a chip could not be asked; nil when all could.
  public private(set) var failure: SystemError?
  private let source: Source

  /// Asks every gpiochip of a folder, /dev but for tests.
  public init(folder: FixedPath, source: Source) {
    self.source = source
    var names = FolderNames(of: folder)
    // Without the folder there are no chips, which is what is told.
    do throws(SystemError) {
      while try names.next() {
        guard isChip(names.span), let path = folder.appending(name: names.span) else { continue }
        ask(path)
      }
    } catch { failure = error }
  }

  private mutating func ask(_ path: FixedPath) {
    do throws(SystemError) {
      let information = try source.chip(at: path)
      // More than a board has.
      _ = chips.offer(Chip(path: path, information: information))
    } catch { failure = error }
  }

  private func isChip(_ name: Span<UInt8>) -> Bool {
    let prefix: StaticString = "gpiochip"
    return name.count > prefix.utf8CodeUnitCount
      && name.extracting(0..<prefix.utf8CodeUnitCount).equals(prefix)
  }

  /// The chip with that label; nil when there is none.
  public func chip(labelled label: Span<UInt8>) -> Chip? {
    for index in chips.indices {
      guard let chip = chips[index] else { continue }
      if chip.information.label.span.equals(label) { return chip }
    }
    return nil
  }

  public func line(_ offset: UInt32, of chip: Chip) throws(SystemError) -> GPIOLineInformation {
    try source.line(offset, at: chip.path)
  }
}
