import FixedMemory

/// The kernel's structures of linux/gpio.h, field by field. PlatformGPIO.c asserts the places, on 32 bits too.
public enum GPIOWire {
  /// struct gpiochip_info
  public enum Chip {
    public static var byteCount: Int { 68 }
    public static var label: Int { 32 }
    public static var lineCount: Int { 64 }
  }

  /// struct gpio_v2_line_info
  public enum Line {
    public static var byteCount: Int { 256 }
    public static var consumer: Int { 32 }
    public static var offset: Int { 64 }
    public static var flags: Int { 72 }
  }

  /// struct gpio_v2_line_request, for one line
  public enum Request {
    public static var byteCount: Int { 592 }
    public static var offset: Int { 0 }
    public static var consumer: Int { 256 }
    public static var flags: Int { 288 }
    public static var attributeCount: Int { 296 }
    public static var attributeID: Int { 320 }
    public static var debounceMicroseconds: Int { 328 }
    public static var attributeMask: Int { 336 }
    public static var lineCount: Int { 560 }
    public static var bufferCount: Int { 564 }
    public static var descriptor: Int { 588 }
  }

  /// struct gpio_v2_line_values
  public enum Values {
    public static var byteCount: Int { 16 }
    public static var bits: Int { 0 }
    public static var mask: Int { 8 }
  }

  /// struct gpio_v2_line_event
  public enum Event {
    public static var byteCount: Int { 48 }
    public static var nanoseconds: Int { 0 }
    public static var id: Int { 8 }
    public static var offset: Int { 12 }
    public static var number: Int { 16 }
    public static var lineNumber: Int { 20 }
    public static var rising: UInt32 { 1 }
    public static var falling: UInt32 { 2 }
  }

  /// enum gpio_v2_line_flag
  public enum Flag {
    public static var used: UInt64 { 1 }
    public static var activeLow: UInt64 { 2 }
    public static var input: UInt64 { 4 }
    public static var output: UInt64 { 8 }
    public static var risingEdge: UInt64 { 16 }
    public static var fallingEdge: UInt64 { 32 }
    public static var pullUp: UInt64 { 256 }
    public static var pullDown: UInt64 { 512 }
    public static var noBias: UInt64 { 1024 }
  }

  public static var nameByteCount: Int { 32 }
  /// GPIO_V2_LINE_ATTR_ID_DEBOUNCE
  public static var debounceAttribute: UInt32 { 3 }

  /// The bytes of a name up to its zero.
  @_lifetime(copy bytes)
  public static func name(_ bytes: Span<UInt8>, at offset: Int) -> Span<UInt8> {
    var end = offset
    while end < offset + nameByteCount, bytes[end] != 0 { end += 1 }
    return bytes.extracting(offset..<end)
  }
}
