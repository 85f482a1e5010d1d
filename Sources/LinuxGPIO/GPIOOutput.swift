import CLibGPIOD
import CLinux
import FixedMemory
import LinuxPlatform

/// One output line, off at first. Released when it goes; what the line is then, the kernel's driver decides.
///
/// On the kernel's chips by libgpiod, which knows every kernel since 4.8; on a simulator's chip by its socket.
public struct GPIOOutputLine: ~Copyable {
  @safe private enum Handle {
    case library(UnsafeMutableRawPointer)
    case virtual(VirtualGPIOKernel, descriptor: Int32)
  }

  private let handle: Handle
  private let offset: UInt32

  public init(_ kernel: AnyGPIOKernel, at place: GPIOPlace) throws(GPIOFailure) {
    offset = place.offset
    var finder = kernel
    let chip = try finder.chip(for: place)
    switch kernel {
    case .linux:
      let opened = unsafe Self.open(chip, place)
      let user: GPIOFailure? =
        unsafe opened.result == 0 &- EBUSY ? finder.user(of: place.offset, on: chip) : nil
      finder.close(chip.descriptor)
      if let user { throw user }
      guard let line = unsafe opened.line else {
        throw unsafe GPIOFailure(result: opened.result)
      }
      unsafe handle = .library(line)
    case .virtual(let socket):
      let result: Result<Int32, GPIOFailure>
      do throws(GPIOFailure) {
        result = .success(
          try finder.line(
            place, on: chip, flags: GPIOWire.Flag.output, debounceMicroseconds: 0, bufferCount: 0))
      } catch { result = .failure(error) }
      finder.close(chip.descriptor)
      unsafe handle = .virtual(socket, descriptor: try result.get())
    }
  }

  deinit {
    switch handle {
    case .library(let line): unsafe cairn_gpiod_close(line)
    case .virtual(var kernel, let descriptor): kernel.close(descriptor)
    }
  }

  private static func open(_ chip: GPIOChip, _ place: GPIOPlace) -> (
    line: UnsafeMutableRawPointer?, result: Int32
  ) {
    guard let path = LinuxGPIOKernel.path(chip: chip.number) else {
      return (nil, 0 - ENOENT)
    }
    var line: UnsafeMutableRawPointer?
    let result = unsafe path.withPointer { path in
      unsafe cairn_gpiod_open_output(path, place.offset, place.isActiveLow ? 1 : 0, &line)
    }
    return unsafe (result < 0 ? nil : line, result)
  }

  public func set(_ isOn: Bool) throws(GPIOFailure) {
    let result: Int32
    switch handle {
    case .library(let line): unsafe result = cairn_gpiod_set(line, offset, isOn ? 1 : 0)
    case .virtual(var kernel, let descriptor):
      var values = InlineArray<16, UInt8>(repeating: 0)
      var span = values.mutableSpan
      span.storeLittleEndian((isOn ? 1 : 0) as UInt64, at: GPIOWire.Values.bits)
      span.storeLittleEndian(1 as UInt64, at: GPIOWire.Values.mask)
      result = kernel.control(descriptor, .setValues, &span)
    }
    guard result >= 0 else { throw GPIOFailure(result: result) }
  }
}
