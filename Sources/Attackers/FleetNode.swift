import Air
import Coverage
import CoverageVerifier
import FixedMemory
import Foundation
import Identity
import LoRa
import Proofs

/// A node of the simulated fleet: what it is, and what it says to be.
struct FleetNode: Sendable {
  /// Its radio's number in the channel model: keys on one board have one.
  var radio: Int
  var truth: Point
  var claim: Point
  var oscillator: AirOscillator
  /// What antenna and house take of what is enrolled, dB.
  var bias: Double
  /// In 125 kHz, dBm.
  var noise: Double
  /// Of the radio's RSSI, dB.
  var rssiOffset: Double
  /// Of its clock, ms.
  var clockError: Int64
  /// Links 0 to the last window's.
  var links: [Digest]
  var evidence: NodeEvidence

  /// Enrolled: 2.15 dBi, half a decibel of cable.
  static let gain = 1.65

  var keyHash: Digest { evidence.keyHash }

  func link(_ window: Int) -> Digest { links[window + 1] }
}

extension FleetNode {
  static func hash(_ text: String) -> Digest { SHA256.hash(Array(text.utf8).span) }

  /// 47.3° north, 8.5° east is the middle.
  static func place(_ point: Point) -> Place? {
    let latitude = 47.3 + point.north / 111_195.08
    let longitude = 8.5 + point.east / (111_195.08 * cos(latitude * Double.pi / 180))
    return Place(
      latitudeE7: Int32((latitude * 10_000_000).rounded()),
      longitudeE7: Int32((longitude * 10_000_000).rounded()), altitudeCentimetres: nil,
      heightAboveGroundCentimetres: nil)
  }

  static func make(
    _ name: String, radio: Int, at truth: Point, _ model: ChannelModel, _ course: FleetCourse,
    _ random: inout FleetRandom
  ) -> FleetNode {
    var links = [hash(name + " chain")]
    for _ in 0..<course.windows.count { links.append(HashChain.before(links[links.count - 1])) }
    links.reverse()
    let error = Int64(random.normal(15).rounded())
    let setup = RadioSetup(
      model: FixedText("SX1262"), region: FixedText("EU868"), transmitPowerHundredthsDBm: 1_400,
      antennaGainHundredthsDBi: 215, cableLossHundredthsDB: 50)
    let evidence = NodeEvidence(
      keyHash: hash(name), node: hash(name + " node"), owner: hash(name + " owner"),
      place: place(truth), radio: setup,
      anchors: [
        EnrolledAnchor(
          anchor: Anchor(firstLink: UInt64(FleetCourse.firstNumber), value: links[0]),
          loggedUTCMilliseconds: FleetCourse.start - 3_600_000)
      ], clocks: [clock(error: error)])
    return FleetNode(
      radio: radio, truth: truth, claim: truth,
      oscillator: AirOscillator(
        offsetPPM: random.within(-5...5), driftPPMPerKelvin: random.within(0.005...0.04),
        dailySwingKelvin: 10), bias: random.normal(model.biasSpread),
      // No receiver has a noise figure below 1 dB.
      noise: AirStation.thermalDecibelMilliwatts(
        bandwidthHertz: 125_000, noiseFigureDecibels: max(1, 6 + random.normal(model.noiseSpread))),
      rssiOffset: random.normal(model.rssiSpread), clockError: error, links: links,
      evidence: evidence)
  }

  /// Milliseconds since boot are milliseconds since the course's start.
  static func clock(error: Int64, uncertainty: UInt64 = 50) -> ClockFix {
    ClockFix(
      epoch: 0, boot: 1, milliseconds: 0, sourceNumber: 2,
      utcMilliseconds: FleetCourse.start + error, uncertaintyMilliseconds: uncertainty)
  }

  /// Its enrolment names another place than where it is.
  mutating func say(_ place: Point) {
    claim = place
    evidence.place = Self.place(place)
  }
}
