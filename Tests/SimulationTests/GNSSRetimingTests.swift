import Foundation
import Sensors
import Simulation
import Testing

/// A recorded receiver that lives elsewhere and now is understood as any other: by the driver, checksums included.
@Test(arguments: ["quectel-l76k-nmea", "ublox-8", "ublox-neo-m9n-nmea"])
func aRetimedReceiverSaysTheGivenTimeAndPlace(name: String) throws {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Data/gnss")
  let recording = GNSSRecording(
    [UInt8](try Data(contentsOf: folder.appending(path: name + ".log"))))
  let retiming = try #require(
    GNSSRetiming(recording, latitudeDegrees: -33.5, longitudeDegrees: 151.25))
  var receiver = GNSSReceiver()
  // Across a midnight at the end of a leap February.
  let start: Int64 = 1_709_251_190_000
  var fixes: [GNSSFix] = []
  for (index, epoch) in recording.epochs.enumerated() {
    let now = start + Int64(index) * 100
    for byte in epoch.lines.flatMap({ retiming.line($0, utcMilliseconds: now) }) {
      if let fix = receiver.receive(byte, atMilliseconds: Int64(index) * 100) { fixes.append(fix) }
    }
  }
  let timed = fixes.compactMap(\.utcMilliseconds)
  #expect(timed.count >= 60)
  #expect(timed.allSatisfy { ($0 - start) % 100 == 0 && (0...20_000).contains($0 - start) })
  #expect(zip(timed, timed.dropFirst()).allSatisfy { $0 < $1 })
  for position in fixes.compactMap(\.position) {
    // Receivers stand nearly still: within some hundred metres.
    #expect(abs(position.latitudeE7 + 335_000_000) < 50_000)
    #expect(abs(position.longitudeE7 - 1_512_500_000) < 50_000)
  }
  #expect(fixes.contains { $0.position != nil })
}

@Test func whatIsNoSentenceStaysAsItWas() throws {
  let text = "$GNGGA,120000,4739.7,N,12219.5,W,1,12,0.6,10,M,,M,,*00\n"
  let retiming = try #require(
    GNSSRetiming(GNSSRecording(Array(text.utf8)), latitudeDegrees: 1, longitudeDegrees: 2))
  for line in [
    "", "$", "$GPGSV,3,3,10*7A\r\n", "no sentence\n", "$GNGGA,1*00\n", "$GPTXT,01*00\r\n",
  ] {
    let bytes = Array(line.utf8)
    #expect(retiming.line(bytes, utcMilliseconds: 0) == bytes)
    #expect(retiming.line(Array(text.utf8), utcMilliseconds: -1) == Array(text.utf8))
  }
  let none = GNSSRecording(Array("$GPGGA,120000,,,,,0*00\n".utf8))
  #expect(GNSSRetiming(none, latitudeDegrees: 1, longitudeDegrees: 2) == nil)
}
