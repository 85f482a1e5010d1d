import Buses

/// One radio, of any kind that this module has a driver for.
public enum AnyRadio<
  Port: SerialPort & ~Copyable, Bus: SPIDevice & ~Copyable, Lines: RadioLines & ~Copyable
>: LoRaRadio, ~Copyable {
  case serial(SerialRadio<Port>)
  case spi(SPIRadio<Bus, Lines>)

  public var identity: RadioIdentity? {
    switch self {
    case .serial(let radio): radio.identity
    case .spi(let radio): radio.identity
    }
  }

  public var capabilities: RadioCapabilities? {
    switch self {
    case .serial(let radio): radio.capabilities
    case .spi(let radio): radio.capabilities
    }
  }

  public var state: RadioState {
    switch self {
    case .serial(let radio): radio.state
    case .spi(let radio): radio.state
    }
  }

  public var setting: RadioSetting? {
    switch self {
    case .serial(let radio): radio.setting
    case .spi(let radio): radio.setting
    }
  }

  public var counts: RadioCounts {
    switch self {
    case .serial(let radio): radio.counts
    case .spi(let radio): radio.counts
    }
  }

  public var frameHandedOverMilliseconds: Int64? {
    switch self {
    case .serial(let radio): radio.frameHandedOverMilliseconds
    case .spi(let radio): radio.frameHandedOverMilliseconds
    }
  }

  public mutating func begin(atMilliseconds now: Int64) {
    switch consume self {
    case .serial(var radio):
      radio.begin(atMilliseconds: now)
      self = .serial(radio)
    case .spi(var radio):
      radio.begin(atMilliseconds: now)
      self = .spi(radio)
    }
  }

  public mutating func configure(_ setting: RadioSetting, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    var refusal: RadioRefusal?
    switch consume self {
    case .serial(var radio):
      do throws(RadioRefusal) { try radio.configure(setting, atMilliseconds: now) } catch {
        refusal = error
      }
      self = .serial(radio)
    case .spi(var radio):
      do throws(RadioRefusal) { try radio.configure(setting, atMilliseconds: now) } catch {
        refusal = error
      }
      self = .spi(radio)
    }
    if let refusal { throw refusal }
  }

  public mutating func transmit(_ bytes: Span<UInt8>, atMilliseconds now: Int64)
    throws(RadioRefusal)
  {
    var refusal: RadioRefusal?
    switch consume self {
    case .serial(var radio):
      do throws(RadioRefusal) { try radio.transmit(bytes, atMilliseconds: now) } catch {
        refusal = error
      }
      self = .serial(radio)
    case .spi(var radio):
      do throws(RadioRefusal) { try radio.transmit(bytes, atMilliseconds: now) } catch {
        refusal = error
      }
      self = .spi(radio)
    }
    if let refusal { throw refusal }
  }

  public mutating func measureNoise(atMilliseconds now: Int64) throws(RadioRefusal) {
    var refusal: RadioRefusal?
    switch consume self {
    case .serial(var radio):
      do throws(RadioRefusal) { try radio.measureNoise(atMilliseconds: now) } catch {
        refusal = error
      }
      self = .serial(radio)
    case .spi(var radio):
      do throws(RadioRefusal) { try radio.measureNoise(atMilliseconds: now) } catch {
        refusal = error
      }
      self = .spi(radio)
    }
    if let refusal { throw refusal }
  }

  public mutating func step(atMilliseconds now: Int64, frame: inout ReceivedFrame) -> RadioEvent? {
    let event: RadioEvent?
    switch consume self {
    case .serial(var radio):
      event = radio.step(atMilliseconds: now, frame: &frame)
      self = .serial(radio)
    case .spi(var radio):
      event = radio.step(atMilliseconds: now, frame: &frame)
      self = .spi(radio)
    }
    return event
  }

  public func nextStep(atMilliseconds now: Int64) -> Int64 {
    switch self {
    case .serial(let radio): radio.nextStep(atMilliseconds: now)
    case .spi(let radio): radio.nextStep(atMilliseconds: now)
    }
  }
}
