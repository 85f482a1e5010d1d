import FixedMemory
import LinuxPlatform
import NodeConfiguration

/// The samples of docs, as they stand and with every key in force; and what is said about them when they are
/// cut anywhere or read as one another.
func tellConfiguration(in root: FixedPath) {
  tellSample("docs/site.ini.sample", in: root)
  tellSample("docs/board.ini.sample", in: root)
}

private func tellSample(_ name: StaticString, in root: FixedPath) {
  guard let path = root.appending(name: name) else { fail("a path is too long") }
  var bytes = InlineArray<16_384, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  let count: Int
  do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
    fail("a sample can't be read; its folder is the first argument's")
  }
  var tally = Tally()
  read(span.span.extracting(0..<count), &tally)
  tally.tell(name)
  let whole = bringIntoForce(&span, count)
  tally = Tally()
  read(span.span.extracting(0..<whole), &tally)
  for cut in stride(from: 0, to: whole, by: 23) { read(span.span.extracting(0..<cut), &tally) }
  var line = Name()
  line.append(name)
  line.append(" in force")
  tally.tell(line.span)
}

/// Takes the `#` from lines that have no blank behind it. Answers how many bytes are left.
private func bringIntoForce(_ bytes: inout MutableSpan<UInt8>, _ count: Int) -> Int {
  var kept = 0
  for index in 0..<count {
    let isStart = index == 0 || bytes[index - 1] == UInt8(ascii: "\n")
    if isStart, bytes[index] == UInt8(ascii: "#"), index + 1 < count,
      bytes[index + 1] != UInt8(ascii: " "), bytes[index + 1] != UInt8(ascii: "\n")
    {
      continue
    }
    bytes[kept] = bytes[index]
    kept += 1
  }
  return kept
}

private func read(_ bytes: Span<UInt8>, _ tally: inout Tally) {
  var problems = ProblemList()
  let site = SiteConfiguration(parsing: bytes, problems: &problems)
  tally.add(site.batchIntervalMilliseconds)
  tally.add(count: site.batchMaximumLeafCount)
  tally.add(site.commitIntervalMilliseconds)
  tally.add(site.delivery.connectTimeoutMilliseconds)
  tally.add(site.delivery.timeoutMilliseconds)
  tally.add(site.spool.byteCount)
  tally.add(site.spool.segmentByteCount)
  tally.add(site.clock.intervalMilliseconds)
  tally.add(site.clock.toleranceMilliseconds)
  tally.add(site.clock.repeatIntervalMilliseconds)
  tally.add(site.gateway.url.span)
  tally.add(optional: site.place?.latitudeE7)
  tally.add(optional: site.place?.longitudeE7)
  tally.add(optional: site.place?.altitudeCentimetres)
  tally.add(optional: site.radio?.transmitPowerCentidBm)
  tally.add(optional: site.gnss?.positionIntervalMilliseconds)
  for index in site.sensors.indices {
    tally.add(site.sensors[index].name.span)
    tally.add(site.sensors[index].intervalMilliseconds)
    tally.add(UInt64(site.sensors[index].address))
    tally.add(UInt64(site.sensors[index].frozenAfterMeasurementCount))
  }
  let board = BoardProfile(
    parsing: bytes, runFolder: FixedText("/run/cairn"), problems: &problems)
  tally.add(board.name.span)
  tally.add(count: problems.refusalCount)
  tally.add(count: problems.warningCount)
  for index in 0..<problems.shownCount {
    tally.add(count: problems[index].line)
    tally.add(UInt64(problems[index].reason.rawValue))
    tally.add(problems[index].message.span)
  }
}
