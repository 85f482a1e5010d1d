import FixedMemory
import Proofs
import Records

/// A beacon's report; what is signed is its encoding without the signature.
public struct HeliumBeaconReport: Sendable {
  public var key: FixedBytes<32>
  public var localEntropy: [UInt8]
  public var remoteEntropy: [UInt8]
  public var data: [UInt8]
  public var frequencyHertz: UInt64
  public var datarate: UInt64
  public var powerDBM: Int32
  public var timestampNanoseconds: UInt64
  public var signature: [UInt8] = []

  public init(
    key: FixedBytes<32>, localEntropy: [UInt8], remoteEntropy: [UInt8], data: [UInt8],
    frequencyHertz: UInt64, datarate: UInt64, powerDBM: Int32, timestampNanoseconds: UInt64
  ) {
    self.key = key
    self.localEntropy = localEntropy
    self.remoteEntropy = remoteEntropy
    self.data = data
    self.frequencyHertz = frequencyHertz
    self.datarate = datarate
    self.powerDBM = powerDBM
    self.timestampNanoseconds = timestampNanoseconds
  }

  /// Of a beacon of ours: its link and nonce stand for both entropies, its frame for the data.
  public init?(
    key: FixedBytes<32>, sent: SentBeacon, reveal: BeaconReveal, nonce: Digest,
    frame: FixedBytes<24>, startUTCMilliseconds: Int64
  ) {
    guard let datarate = HeliumBeacon.datarate(spreadingFactor: sent.spreadingFactor),
      let power = reveal.powerCentidecibelMilliwatts, startUTCMilliseconds >= 0,
      startUTCMilliseconds < 1 << 43, sent.number == reveal.number
    else { return nil }
    self.init(
      key: key, localEntropy: (0..<32).map { reveal.link[$0] },
      remoteEntropy: (0..<32).map { nonce[$0] }, data: (1..<24).map { frame[$0] },
      frequencyHertz: UInt64(sent.frequencyHertz), datarate: datarate, powerDBM: power / 100,
      timestampNanoseconds: UInt64(startUTCMilliseconds) * 1_000_000)
  }

  public var encoded: [UInt8] {
    var writer = ProtoWriter()
    writer.bytes(2, HeliumKey.binary(key))
    writer.bytes(3, localEntropy)
    writer.bytes(4, remoteEntropy)
    writer.bytes(5, data)
    writer.unsigned(6, frequencyHertz)
    writer.unsigned(8, datarate)
    writer.signed(9, powerDBM)
    writer.unsigned(10, timestampNanoseconds)
    writer.bytes(11, signature)
    return writer.bytes
  }
}

/// A witness's report: powers and ratios in tenths of a decibel.
public struct HeliumWitnessReport: Sendable {
  public var key: FixedBytes<32>
  public var data: [UInt8]
  public var timestampNanoseconds: UInt64
  public var signalDecidecibelMilliwatts: Int32
  public var snrDecidecibels: Int32
  public var frequencyHertz: UInt64
  public var datarate: UInt64
  public var signature: [UInt8] = []

  /// Of a witness leaf of ours; nil where that network has no such datarate, or the radio tells no SNR.
  public init?(key: FixedBytes<32>, witness: BeaconWitness, endUTCMilliseconds: Int64) {
    let heard = witness.reception
    guard let datarate = HeliumBeacon.datarate(spreadingFactor: heard.spreadingFactor),
      heard.bandwidthHertz == 125_000, let snr = heard.snrCentidecibels,
      (0..<1 << 43).contains(endUTCMilliseconds)
    else { return nil }
    self.key = key
    data = (1..<24).map { witness.frame[$0] }
    timestampNanoseconds = UInt64(endUTCMilliseconds) * 1_000_000
    // The signal's own figure, where the radio has one, is preferred there.
    signalDecidecibelMilliwatts =
      (heard.signalCentidecibelMilliwatts ?? heard.rssiCentidecibelMilliwatts) / 10
    snrDecidecibels = snr / 10
    frequencyHertz = UInt64(heard.frequencyHertz)
    self.datarate = datarate
  }

  public var encoded: [UInt8] {
    var writer = ProtoWriter()
    writer.bytes(2, HeliumKey.binary(key))
    writer.bytes(3, data)
    writer.unsigned(4, timestampNanoseconds)
    writer.zigzag(6, signalDecidecibelMilliwatts)
    writer.signed(7, snrDecidecibels)
    writer.unsigned(8, frequencyHertz)
    writer.unsigned(10, datarate)
    writer.bytes(11, signature)
    return writer.bytes
  }
}
