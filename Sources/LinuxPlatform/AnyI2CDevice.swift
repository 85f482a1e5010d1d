import Buses

/// A chip on whichever bus the configuration names. Closed, so that nothing simulated can pass for real.
public enum AnyI2CDevice: I2CDevice, ~Copyable {
  case linux(LinuxI2CDevice)
  case virtual(VirtualI2CDevice)
  case usbBridge(USBBridgeI2CDevice)

  /// True when the chip is a model: every leaf with its readings then stands under the simulated flag.
  public var isSimulated: Bool {
    switch self {
    case .linux: return false
    case .virtual: return true
    case .usbBridge: return false
    }
  }

  public mutating func write(_ bytes: Span<UInt8>) throws(BusError) {
    var failure: BusError?
    switch consume self {
    case .linux(var device):
      do throws(BusError) { try device.write(bytes) } catch { failure = error }
      self = .linux(device)
    case .virtual(var device):
      do throws(BusError) { try device.write(bytes) } catch { failure = error }
      self = .virtual(device)
    case .usbBridge(var device):
      do throws(BusError) { try device.write(bytes) } catch { failure = error }
      self = .usbBridge(device)
    }
    if let failure { throw failure }
  }

  public mutating func read(into bytes: inout MutableSpan<UInt8>) throws(BusError) {
    var failure: BusError?
    switch consume self {
    case .linux(var device):
      do throws(BusError) { try device.read(into: &bytes) } catch { failure = error }
      self = .linux(device)
    case .virtual(var device):
      do throws(BusError) { try device.read(into: &bytes) } catch { failure = error }
      self = .virtual(device)
    case .usbBridge(var device):
      do throws(BusError) { try device.read(into: &bytes) } catch { failure = error }
      self = .usbBridge(device)
    }
    if let failure { throw failure }
  }

  public mutating func writeRead(_ bytes: Span<UInt8>, into reply: inout MutableSpan<UInt8>)
    throws(BusError)
  {
    var failure: BusError?
    switch consume self {
    case .linux(var device):
      do throws(BusError) { try device.writeRead(bytes, into: &reply) } catch { failure = error }
      self = .linux(device)
    case .virtual(var device):
      do throws(BusError) { try device.writeRead(bytes, into: &reply) } catch { failure = error }
      self = .virtual(device)
    case .usbBridge(var device):
      do throws(BusError) { try device.writeRead(bytes, into: &reply) } catch { failure = error }
      self = .usbBridge(device)
    }
    if let failure { throw failure }
  }
}
