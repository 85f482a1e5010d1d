import FixedMemory
import LinuxPlatform
import Sensors

/// The recordings of Data/gnss, byte for byte, with arrival times beyond 32 bits: every fix and the counts.
func tellReceivers(in root: FixedPath) {
  tellRecording("Data/gnss/quectel-l76k-nmea.log", in: root)
  tellRecording("Data/gnss/ublox-8.log", in: root)
  tellRecording("Data/gnss/ublox-neo-m9n-nmea.log", in: root)
}

private func tellRecording(_ name: StaticString, in root: FixedPath) {
  guard let path = root.appending(name: name) else { fail("a path is too long") }
  var receiver = GNSSReceiver()
  var tally = Tally()
  var fixCount: UInt64 = 0
  var time: Int64 = 4_294_900_000
  var block = InlineArray<4096, UInt8>(repeating: 0)
  var span = block.mutableSpan
  do throws(SystemError) {
    let file = try FileDescriptor(reading: path)
    while true {
      let count = try file.read(into: &span)
      if count == 0 { break }
      for index in 0..<count {
        time += 1
        guard let fix = receiver.receive(span[index], atMilliseconds: time) else { continue }
        fixCount += 1
        add(fix, to: &tally)
      }
    }
  } catch { fail("a recording can't be read; its folder is the first argument's") }
  let counts = receiver.counts
  tally.add(UInt64(counts.accepted))
  tally.add(counts.refused)
  guard fixCount >= 60 else { fail("a recording without fixes") }
  tally.add(fixCount)
  tally.tell(name)
}

private func add(_ fix: GNSSFix, to tally: inout Tally) {
  tally.add(fix.arrivedAtMilliseconds)
  tally.add(optional: fix.utcMilliseconds)
  tally.add(optional: fix.position.map { Int64($0.latitudeE7) })
  tally.add(optional: fix.position.map { Int64($0.longitudeE7) })
  tally.add(optional: fix.altitudeCentimetres.map { Int64($0) })
  tally.add(optional: fix.horizontalAccuracyCentimetres.map { Int64($0) })
  tally.add(optional: fix.satelliteCount.map { Int64($0) })
  tally.add(UInt64(fix.quality.rawValue))
}
