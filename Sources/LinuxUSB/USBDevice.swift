import CLibUSB
import FixedMemory

/// A USB device as it was when it was looked at.
public struct USBDevice: Sendable {
  public let vendor: UInt16
  public let product: UInt16
  public let bus: UInt8
  /// Another one each time that it is plugged in.
  public let address: UInt8
  /// BUS-PORT.PORT…, as the kernel names it: stays with the socket, and with the hubs on the way.
  public let port: FixedText<32>
  public let speed: USBSpeed
  /// Cleaned and cut; empty when there is none, or it could not be asked for.
  public let serialNumber: FixedText<64>
  public let productName: FixedText<64>
  /// Why the texts could not be asked for; nil when they could.
  public let textFailure: Int32?

  /// Fills unused places.
  public static var none: USBDevice { USBDevice(cairn_usb_device()) }

  init(_ device: cairn_usb_device) {
    vendor = device.vendor
    product = device.product
    bus = device.bus
    address = device.address
    speed = USBSpeed(device.speed)
    textFailure = device.text_error < 0 ? device.text_error : nil
    var port = FixedText<32>()
    port.write(decimal: Int64(device.bus))
    withUnsafeBytes(of: device.ports) { ports in
      for index in 0..<min(Int(device.port_count), ports.count) {
        port.write(byte: UInt8(ascii: index == 0 ? "-" : "."))
        port.write(decimal: Int64(ports[index]))
      }
    }
    self.port = port
    serialNumber = withUnsafeBytes(of: device.serial) {
      Self.cleaned($0, count: Int(device.serial_count))
    }
    productName = withUnsafeBytes(of: device.product_text) {
      Self.cleaned($0, count: Int(device.product_count))
    }
  }

  /// A device may say anything: what is not printable ASCII becomes a full stop, so that nothing of it
  /// reaches a terminal, and blanks at the ends go.
  static func cleaned(_ bytes: UnsafeRawBufferPointer, count: Int) -> FixedText<64> {
    var text = FixedText<64>()
    var end = min(min(count, bytes.count), 64)
    while end > 0, bytes[end - 1] == 0x20 || bytes[end - 1] == 0 { end -= 1 }
    for index in 0..<end {
      let byte = bytes[index]
      text.write(byte: (0x20...0x7e).contains(byte) ? byte : UInt8(ascii: "."))
    }
    return text
  }
}

/// How fast a device talks.
public enum USBSpeed: Sendable {
  case unknown, low, full, high, superSpeed, superSpeedPlus

  init(_ number: UInt8) {
    switch number {
    case 1: self = .low
    case 2: self = .full
    case 3: self = .high
    case 4: self = .superSpeed
    case 5: self = .superSpeedPlus
    default: self = .unknown
    }
  }

  public var name: StaticString {
    switch self {
    case .unknown: "unknown speed"
    case .low: "1.5 Mbit/s"
    case .full: "12 Mbit/s"
    case .high: "480 Mbit/s"
    case .superSpeed: "5 Gbit/s"
    case .superSpeedPlus: "10 Gbit/s"
    }
  }
}
