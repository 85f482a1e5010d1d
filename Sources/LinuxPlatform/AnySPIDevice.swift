import Buses

/// A chip behind whichever SPI bus the board profile names. Closed, so that nothing simulated can pass for real.
public enum AnySPIDevice: SPIDevice, ~Copyable {
  case linux(LinuxSPIDevice)
  case virtual(VirtualSPIDevice)
  case usbBridge(USBBridgeSPIDevice)

  /// True when the chip is a model.
  public var isSimulated: Bool {
    switch self {
    case .linux: return false
    case .virtual: return true
    case .usbBridge: return false
    }
  }

  public var waitedMilliseconds: Int64 {
    switch self {
    case .linux: return 0
    case .virtual: return 0
    case .usbBridge(let device): return device.waitedMilliseconds
    }
  }

  public mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    var failure: BusError?
    switch consume self {
    case .linux(var device):
      do throws(BusError) { try device.transfer(&bytes) } catch { failure = error }
      self = .linux(device)
    case .virtual(var device):
      do throws(BusError) { try device.transfer(&bytes) } catch { failure = error }
      self = .virtual(device)
    case .usbBridge(var device):
      do throws(BusError) { try device.transfer(&bytes) } catch { failure = error }
      self = .usbBridge(device)
    }
    if let failure { throw failure }
  }
}
