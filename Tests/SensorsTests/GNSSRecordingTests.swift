import Foundation
import Sensors
import Testing

/// Recordings of real receivers, and what gpsd makes of them: Data/gnss/README.md says where from.
private let recordings = ["quectel-l76k-nmea", "ublox-8", "ublox-neo-m9n-nmea"]

private func data(_ name: String) throws -> [UInt8] {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Data/gnss")
  return [UInt8](try Data(contentsOf: folder.appending(path: name)))
}

/// What gpsd reported for one epoch.
private struct Report {
  let utcMilliseconds: Int64
  let latitude: Double
  let longitude: Double
  let altitude: Double?
}

/// gpsd's reports of positions, the last one for each time: it reports each epoch as it grows.
private func reports(_ name: String) throws -> [Int64: Report] {
  let formatter = ISO8601DateFormatter()
  formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
  var reports: [Int64: Report] = [:]
  for line in try data(name + ".log.chk").split(separator: UInt8(ascii: "\n")) {
    guard line.starts(with: Array(#"{"class":"TPV""#.utf8)) else { continue }
    let object = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any]
    let text = try #require(object?["time"] as? String)
    let time = try #require(formatter.date(from: text))
    let utcMilliseconds = Int64((time.timeIntervalSince1970 * 1000).rounded())
    reports[utcMilliseconds] = Report(
      utcMilliseconds: utcMilliseconds, latitude: try #require(object?["lat"] as? Double),
      longitude: try #require(object?["lon"] as? Double), altitude: object?["altMSL"] as? Double)
  }
  return reports
}

func fixes(of bytes: some Sequence<UInt8>) -> [GNSSFix] {
  var receiver = GNSSReceiver()
  var fixes: [GNSSFix] = []
  for byte in bytes {
    if let fix = receiver.receive(byte, atMilliseconds: 0) { fixes.append(fix) }
  }
  return fixes
}

@Test(arguments: recordings)
func positionsAndTimesAreThoseOfGpsd(name: String) throws {
  let reports = try reports(name)
  let fixes = fixes(of: try data(name + ".log"))
  for fix in fixes {
    let utcMilliseconds = try #require(fix.utcMilliseconds)
    let report = try #require(reports[utcMilliseconds], "\(utcMilliseconds)")
    let position = try #require(fix.position)
    // gpsd writes nine decimals: half a unit of ours, and half a unit of its last decimal.
    #expect(abs(report.latitude * 1e7 - Double(position.latitudeE7)) <= 0.5051)
    #expect(abs(report.longitude * 1e7 - Double(position.longitudeE7)) <= 0.5051)
    let altitude = report.altitude.flatMap { Int32(exactly: ($0 * 100).rounded()) }
    #expect(fix.altitudeCentimetres == altitude)
  }
  #expect(Set(fixes.map(\.utcMilliseconds)).count == fixes.count)
  // The last epoch of a recording has no end.
  #expect(reports.count - fixes.count <= 1)
  #expect(fixes.count >= 60)
}

@Test func aRecordingsNoiseIsNoSentence() throws {
  var receiver = GNSSReceiver()
  for byte in try data("ublox-8.log") { _ = receiver.receive(byte, atMilliseconds: 0) }
  let counts = receiver.counts
  // 1009 lines have a "$": 1008 sentences, and a last one that is cut.
  #expect(counts.accepted == 1008)
  #expect(counts.refused == 1 && counts.cut == 1)
}

/// GNGGA,223750.00,3806.62969,N,12237.61389,W,2,12,0.56,82.7,M … worked out by hand.
@Test func aFixOfTheRecordingIsWhole() throws {
  let fix = try #require(fixes(of: try data("ublox-neo-m9n-nmea.log")).dropFirst(5).first)
  #expect(
    fix
      == GNSSFix(
        arrivedAtMilliseconds: 0, utcMilliseconds: 1_594_507_070_000,
        position: GNSSPosition(latitudeE7: 381_104_948, longitudeE7: -1_226_268_982),
        altitudeCentimetres: 8270, horizontalAccuracyCentimetres: 168, satelliteCount: 12,
        quality: .differential))
}
