import Buses
import LinuxPlatform

/// The lines of a radio chip, wherever they are: at the board's GPIO, at a simulator's, or at a stick's pins. Whatever
/// else has lines is another case here, beside its bus in `AnySPIDevice`.
public enum AnyRadioLines: RadioLines, ~Copyable {
  case gpio(GPIORadioLines)
  case usbBridge(USBBridgeRadioLines)

  /// Readable after the interrupt has risen. Nil where nothing wakes the loop: the line is not wired, or it is looked
  /// at every `lookMilliseconds`.
  public var pollDescriptor: Int32? {
    switch self {
    case .gpio(let lines): return lines.pollDescriptor
    case .usbBridge: return nil
    }
  }

  /// How often the interrupt is to be looked at where it wakes nobody; nil where it does.
  public var lookMilliseconds: Int64? {
    switch self {
    case .gpio: return nil
    case .usbBridge: return USBBridgeRadioLines.lookMilliseconds
    }
  }

  public var waitedMilliseconds: Int64 {
    switch self {
    case .gpio: return 0
    case .usbBridge(let lines): return lines.waitedMilliseconds
    }
  }

  public mutating func holdReset(_ isHeld: Bool) throws(BusError) -> Bool {
    let result: Result<Bool, BusError>
    switch consume self {
    case .gpio(var lines):
      do throws(BusError) { result = .success(try lines.holdReset(isHeld)) } catch {
        result = .failure(error)
      }
      self = .gpio(lines)
    case .usbBridge(var lines):
      do throws(BusError) { result = .success(try lines.holdReset(isHeld)) } catch {
        result = .failure(error)
      }
      self = .usbBridge(lines)
    }
    return try result.get()
  }

  public mutating func isBusy() throws(BusError) -> Bool {
    let result: Result<Bool, BusError>
    switch consume self {
    case .gpio(var lines):
      do throws(BusError) { result = .success(try lines.isBusy()) } catch {
        result = .failure(error)
      }
      self = .gpio(lines)
    case .usbBridge(var lines):
      do throws(BusError) { result = .success(try lines.isBusy()) } catch {
        result = .failure(error)
      }
      self = .usbBridge(lines)
    }
    return try result.get()
  }

  public mutating func isInterrupted() throws(BusError) -> Bool? {
    let result: Result<Bool?, BusError>
    switch consume self {
    case .gpio(var lines):
      do throws(BusError) { result = .success(try lines.isInterrupted()) } catch {
        result = .failure(error)
      }
      self = .gpio(lines)
    case .usbBridge(var lines):
      do throws(BusError) { result = .success(try lines.isInterrupted()) } catch {
        result = .failure(error)
      }
      self = .usbBridge(lines)
    }
    return try result.get()
  }

  public mutating func enableReceiver(_ isOn: Bool) throws(BusError) {
    var failure: BusError?
    switch consume self {
    case .gpio(var lines):
      do throws(BusError) { try lines.enableReceiver(isOn) } catch { failure = error }
      self = .gpio(lines)
    case .usbBridge(var lines):
      do throws(BusError) { try lines.enableReceiver(isOn) } catch { failure = error }
      self = .usbBridge(lines)
    }
    if let failure { throw failure }
  }
}
