import LoRa

/// A frame that a station sends.
public struct AirTransmission: Equatable, Sendable {
  /// Number of the station, as `Medium.add` gave it.
  public var sender: Int
  public var bytes: [UInt8]
  public var channel: AirChannel
  /// N of 4/N.
  public var codingRateDenominator: UInt8
  public var preambleSymbolCount: UInt16
  /// Into the antenna's cable.
  public var powerCentidecibelMilliwatts: Int32
  /// When the first symbol goes out.
  public var startMicroseconds: Int64
  public let airtimeMicroseconds: Int64

  /// Nil for what no LoRa radio sends.
  public init?(
    sender: Int, bytes: [UInt8], channel: AirChannel, codingRateDenominator: UInt8 = 5,
    preambleSymbolCount: UInt16 = 8, powerCentidecibelMilliwatts: Int32, startMicroseconds: Int64
  ) {
    guard let length = UInt8(exactly: bytes.count),
      let bandwidth = Modulation.Bandwidth(rawValue: channel.bandwidthHertz),
      let modulation = Modulation(
        spreadingFactor: channel.spreadingFactor, bandwidth: bandwidth,
        codingRateDenominator: codingRateDenominator, preambleSymbolCount: preambleSymbolCount)
    else { return nil }
    self.sender = sender
    self.bytes = bytes
    self.channel = channel
    self.codingRateDenominator = codingRateDenominator
    self.preambleSymbolCount = preambleSymbolCount
    self.powerCentidecibelMilliwatts = powerCentidecibelMilliwatts
    self.startMicroseconds = startMicroseconds
    airtimeMicroseconds = Int64(modulation.timeOnAirMicroseconds(payloadByteCount: length))
  }

  public var endMicroseconds: Int64 { startMicroseconds + airtimeMicroseconds }

  /// A receiver finds a frame by this many of its preamble's symbols, the last ones.
  public static let symbolsToFind: UInt16 = 5

  /// Who does not listen by then hears nothing of the frame.
  public var latestListenMicroseconds: Int64 {
    let spare = preambleSymbolCount - min(preambleSymbolCount, Self.symbolsToFind)
    return startMicroseconds + Int64((Double(spare) * channel.symbolMicroseconds).rounded())
  }

  /// The preamble and the 4.25 symbols behind it are over: a receiver has found the frame or will not.
  public var foundMicroseconds: Int64 {
    let extra = channel.spreadingFactor < 7 ? 6.25 : 4.25
    let symbols = Double(preambleSymbolCount) + extra
    return startMicroseconds + Int64((symbols * channel.symbolMicroseconds).rounded())
  }
}

/// A frame that a station heard, with the figures that its radio tells.
public struct AirReception: Equatable, Sendable {
  /// As `Medium.transmit` numbered it.
  public let transmissionNumber: Int
  public let transmission: AirTransmission
  public let receiver: Int
  public let rssiCentidecibelMilliwatts: Int32
  /// Nil from a radio that tells none.
  public let snrCentidecibels: Int32?
  /// Sender's frequency less receiver's; nil from a radio that tells none.
  public let frequencyErrorHertz: Int32?
  /// What is true, whatever the radio tells.
  public let signalDecibelMilliwatts: Double
  public let noiseDecibelMilliwatts: Double

  public var endMicroseconds: Int64 { transmission.endMicroseconds }
  public var trueSNRDecibels: Double { signalDecibelMilliwatts - noiseDecibelMilliwatts }
}

/// Why a station that looked for such frames did not hear one.
public struct AirMiss: Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// It began to listen when the preamble was nearly over, or was set anew within the frame.
    case notInTime
    /// Sent itself.
    case sending
    /// Another frame had its only demodulator.
    case busy
    case tooWeak
    /// The frequencies are more than a quarter of the bandwidth apart.
    case frequencyError
    /// Others were on the air, and not weak enough.
    case drowned
  }

  public let transmissionNumber: Int
  public let transmission: AirTransmission
  public let receiver: Int
  public let reason: Reason
  public let signalDecibelMilliwatts: Double
  public let noiseDecibelMilliwatts: Double

  public var trueSNRDecibels: Double { signalDecibelMilliwatts - noiseDecibelMilliwatts }
}

public enum AirEvent: Equatable, Sendable {
  case heard(AirReception)
  case missed(AirMiss)
}
