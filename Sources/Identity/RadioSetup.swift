import CBOR
import FixedMemory
import Proofs

/// What a node's radio can do at most, which decides how far it is believed to be heard
/// (docs/identity.md).
///
///     [model, region, transmit power, antenna gain, cable loss]
public struct RadioSetup: Equatable, Sendable {
  /// Array 1, two texts of 2 + 24, three numbers of at most 3 bytes.
  public static var maximumByteCount: Int { 62 }

  /// At most 24 bytes of UTF-8.
  public let model: FixedText<24>
  /// Regulatory region, at most 24 bytes of UTF-8.
  public let region: FixedText<24>
  /// At the radio's output.
  public let transmitPowerHundredthsDBm: Int16
  public let antennaGainHundredthsDBi: Int16
  /// Between radio and antenna: 0 or more.
  public let cableLossHundredthsDB: Int16

  /// Nil when the cable would amplify.
  public init?(
    model: FixedText<24>, region: FixedText<24>, transmitPowerHundredthsDBm: Int16,
    antennaGainHundredthsDBi: Int16, cableLossHundredthsDB: Int16
  ) {
    guard cableLossHundredthsDB >= 0 else { return nil }
    self.model = model
    self.region = region
    self.transmitPowerHundredthsDBm = transmitPowerHundredthsDBm
    self.antennaGainHundredthsDBi = antennaGainHundredthsDBi
    self.cableLossHundredthsDB = cableLossHundredthsDB
  }

  func encode(into encoder: inout CBOREncoder) {
    encoder.arrayHead(count: 5)
    encoder.text(model.span)
    encoder.text(region.span)
    encoder.integer(Int64(transmitPowerHundredthsDBm))
    encoder.integer(Int64(antennaGainHundredthsDBi))
    encoder.integer(Int64(cableLossHundredthsDB))
  }

  init(from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
    try decoder.expectArray(count: 5)
    let model: FixedText<24> = try decoder.fixedText()
    let region: FixedText<24> = try decoder.fixedText()
    let power = try decoder.integer(as: Int16.self)
    let gain = try decoder.integer(as: Int16.self)
    let loss = try decoder.integer(as: Int16.self)
    guard
      let setup = RadioSetup(
        model: model, region: region, transmitPowerHundredthsDBm: power,
        antennaGainHundredthsDBi: gain, cableLossHundredthsDB: loss)
    else { throw .outOfRange }
    self = setup
  }
}
