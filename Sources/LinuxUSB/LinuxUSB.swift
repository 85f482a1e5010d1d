import CLibUSB
import FixedMemory
import USBBridges

/// libusb, started: what is plugged in, and one stick that is opened at a time.
public struct LinuxUSB: USBTransport, ~Copyable {
  public static var outEndpoint: UInt8 { 0x02 }
  public static var inEndpoint: UInt8 { 0x82 }
  /// How many devices of one kind are looked at.
  public static var listLimit: Int { 16 }

  private let usb: UnsafeMutablePointer<cairn_usb>
  public let selector: USBSelector
  /// False: the caller has to look again by itself.
  public let hasHotPlug: Bool
  public private(set) var place = FixedText<160>()
  public private(set) var kernelDriver = FixedText<32>()

  /// Starts libusb. `system` when it can't, as on a machine without USB.
  public init(_ selector: USBSelector) throws(USBFailure) {
    var code: Int32 = 0
    guard let usb = cairn_usb_create(&code) else { throw .system(code: code) }
    self.usb = usb
    self.selector = selector
    hasHotPlug = cairn_usb_watch(usb, selector.vendor, selector.product) == 0
    Self.writeIDs(selector.vendor, selector.product, to: &place)
  }

  deinit { cairn_usb_destroy(usb) }

  /// The devices with the ids of the selector, or all; their texts only where asked for, since that opens
  /// each. Says how many there are, also when `devices` has no room for all.
  public mutating func list(all: Bool, texts: Bool, into devices: inout FixedArray<16, USBDevice>)
    throws(USBFailure) -> Int
  {
    var found = InlineArray<16, cairn_usb_device>(repeating: cairn_usb_device())
    var span = found.mutableSpan
    let (usb, vendor, product) = (usb, all ? 0 : selector.vendor, selector.product)
    let count = span.withUnsafeMutableBufferPointer {
      cairn_usb_list(usb, vendor, product, texts ? 1 : 0, $0.baseAddress, Int32($0.count))
    }
    guard count >= 0 else { throw Self.failure(count) }
    devices.removeAll()
    for index in 0..<min(Int(count), Self.listLimit) {
      devices.append(USBDevice(found[index]))
    }
    return Int(count)
  }

  public mutating func open() throws(USBFailure) {
    kernelDriver.removeAll()
    var found = InlineArray<16, cairn_usb_device>(repeating: cairn_usb_device())
    var span = found.mutableSpan
    let (usb, vendor, product) = (usb, selector.vendor, selector.product)
    let count = span.withUnsafeMutableBufferPointer {
      cairn_usb_list(usb, vendor, product, 1, $0.baseAddress, Int32($0.count))
    }
    guard count >= 0 else { throw Self.failure(count) }
    var chosen: Int?
    var isUnreadable = false
    for index in 0..<min(Int(count), Self.listLimit) {
      let device = USBDevice(found[index])
      isUnreadable = isUnreadable || device.textFailure == LIBUSB_ERROR_ACCESS.rawValue
      guard selector.fits(device) else { continue }
      guard chosen == nil else { throw .ambiguous }
      chosen = index
    }
    // A stick that may not be opened keeps its serial number to itself.
    guard let chosen else { throw isUnreadable ? .denied : .absent }
    let device = USBDevice(found[chosen])
    describe(device)
    let code = cairn_usb_open(usb, device.bus, device.address)
    guard code < 0 else { return }
    let failure = Self.failure(code)
    if failure == .busy { nameDriver(&found[chosen]) }
    throw failure == .disconnected ? .absent : failure
  }

  private mutating func nameDriver(_ device: inout cairn_usb_device) {
    var name = InlineArray<32, UInt8>(repeating: 0)
    var span = name.mutableSpan
    let count = span.withUnsafeMutableBufferPointer {
      cairn_usb_driver(&device, $0.baseAddress, Int32($0.count))
    }
    kernelDriver.write(name.span.extracting(0..<Int(count)))
  }

  public mutating func close() { cairn_usb_close(usb) }

  public mutating func send(_ bytes: Span<UInt8>, timeoutMilliseconds: UInt32) throws(USBFailure) {
    precondition(bytes.count <= 32, "more than a packet of the stick")
    var packet = InlineArray<32, UInt8>(repeating: 0)
    for index in bytes.indices { packet[index] = bytes[index] }
    var span = packet.mutableSpan
    let (usb, count) = (usb, Int32(bytes.count))
    let moved = span.withUnsafeMutableBufferPointer {
      cairn_usb_bulk(usb, Self.outEndpoint, $0.baseAddress, count, timeoutMilliseconds)
    }
    guard moved >= 0 else { throw Self.failure(moved) }
    guard moved == count else { throw .timedOut }
  }

  public mutating func receive(into bytes: inout MutableSpan<UInt8>, timeoutMilliseconds: UInt32)
    throws(USBFailure) -> Int
  {
    let usb = usb
    let moved = bytes.withUnsafeMutableBufferPointer {
      cairn_usb_bulk(
        usb, Self.inEndpoint, $0.baseAddress, Int32(min($0.count, 32)), timeoutMilliseconds)
    }
    guard moved >= 0 else { throw Self.failure(moved) }
    return Int(moved)
  }

  public mutating func clearStall() throws(USBFailure) {
    for endpoint in 0..<2 {
      let code = cairn_usb_clear_halt(usb, endpoint == 0 ? Self.outEndpoint : Self.inEndpoint)
      if code < 0 { throw Self.failure(code) }
    }
  }

  public mutating func reset() throws(USBFailure) {
    let code = cairn_usb_reset(usb)
    if code == LIBUSB_ERROR_NOT_FOUND.rawValue { throw .disconnected }
    if code < 0 { throw Self.failure(code) }
  }

  public mutating func hasChanged() -> Bool { cairn_usb_pump(usb) > 0 }

  private mutating func describe(_ device: USBDevice) {
    place.removeAll()
    Self.writeIDs(device.vendor, device.product, to: &place)
    place.write(" at port ")
    place.write(device.port.span)
    if !device.serialNumber.isEmpty {
      place.write(", serial number ")
      place.write(device.serialNumber.span)
    }
    place.write(", ")
    place.write(device.speed.name)
  }

  private static func writeIDs(
    _ vendor: UInt16, _ product: UInt16, to text: inout FixedText<160>
  ) {
    var ids = TextBuilder<9>()
    ids.append(hex: UInt64(vendor), digits: 4)
    ids.append(":")
    ids.append(hex: UInt64(product), digits: 4)
    text.write(ids.span)
  }

  /// What libusb's codes mean here.
  static func failure(_ code: Int32) -> USBFailure {
    switch code {
    case LIBUSB_ERROR_TIMEOUT.rawValue: .timedOut
    case LIBUSB_ERROR_PIPE.rawValue: .stalled
    case LIBUSB_ERROR_OVERFLOW.rawValue: .overflowed
    case LIBUSB_ERROR_NO_DEVICE.rawValue: .disconnected
    case LIBUSB_ERROR_BUSY.rawValue: .busy
    case LIBUSB_ERROR_ACCESS.rawValue: .denied
    default: .system(code: code)
    }
  }
}
