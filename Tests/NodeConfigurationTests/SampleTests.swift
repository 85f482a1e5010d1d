import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

/// The sample with every key and section that is behind a `#` brought into force.
private func uncommented(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
    line.hasPrefix("#") && !line.hasPrefix("# ") ? String(line.dropFirst()) : String(line)
  }.joined(separator: "\n")
}

@Suite struct SampleTests {
  @Test func theSampleIsReadAsItStandsAndWithEveryKeyInForce() throws {
    let sample = try shipped("docs/site.ini.sample")
    #expect(siteRefusals(sample) == [])
    let whole = uncommented(sample)
    #expect(siteRefusals(whole) == [])
    var problems = ProblemList()
    let site = SiteConfiguration(parsing: Array(whole.utf8).span, problems: &problems)
    #expect(list(problems) == [] && site.gnss != nil && site.canVerifyReceipts)
  }

  @Test func theSampleOfABoardIsReadAsItStands() throws {
    #expect(boardRefusals(try shipped("docs/board.ini.sample")) == [])
  }

  /// What stands behind a `#` as a default is the default: the values don't change when it comes
  /// into force.
  @Test func defaultsThatTheSampleShowsAreTheDefaults() throws {
    var problems = ProblemList()
    let sample = try shipped("docs/site.ini.sample")
    let plain = SiteConfiguration(parsing: Array(sample.utf8).span, problems: &problems)
    let whole = SiteConfiguration(
      parsing: Array(uncommented(sample).utf8).span, problems: &problems)
    #expect(plain.batchIntervalMilliseconds == whole.batchIntervalMilliseconds)
    #expect(plain.batchMaximumLeafCount == whole.batchMaximumLeafCount)
    #expect(plain.commitIntervalMilliseconds == whole.commitIntervalMilliseconds)
    #expect(plain.spool.byteCount == whole.spool.byteCount)
    #expect(plain.spool.segmentByteCount == whole.spool.segmentByteCount)
    #expect(plain.spool.whenFull == whole.spool.whenFull)
    #expect(plain.sensors[0].address == whole.sensors[0].address)
    #expect(plain.sensors[0].intervalMilliseconds == whole.sensors[0].intervalMilliseconds)
  }

  /// Whatever becomes of the sample, it is read without a trap and every refusal names a line of
  /// the file.
  @Test(arguments: 0..<8)
  func aDamagedFileNeverTrapsAndEveryRefusalNamesALine(part: Int) throws {
    let samples = [
      Array(uncommented(try shipped("docs/site.ini.sample")).utf8),
      Array(uncommented(try shipped("docs/board.ini.sample")).utf8),
    ]
    var refusedCount = 0
    for seed in (part * 400)..<(part * 400 + 400) {
      var generator = SeededGenerator(seed: UInt64(seed))
      var bytes = samples[seed % 2]
      for _ in 0..<Int.random(in: 1...6, using: &generator) { damage(&bytes, &generator) }
      let lineCount = max(1, bytes.split(separator: 0x0a, omittingEmptySubsequences: false).count)
      var problems = ProblemList()
      let board = BoardProfile(
        parsing: bytes.span, runFolder: FixedText("/run/cairn"), problems: &problems)
      let site = SiteConfiguration(parsing: bytes.span, problems: &problems)
      site.check(against: board, problems: &problems)
      if !problems.isUsable { refusedCount += 1 }
      for found in list(problems) {
        #expect((1...lineCount).contains(found.line), "seed \(seed): \(found)")
        #expect(!found.message.isEmpty, "seed \(seed)")
      }
    }
    // One file read as the other is refused, whatever was damaged.
    #expect(refusedCount == 400)
  }

  private func damage(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    guard !bytes.isEmpty else { return }
    let place = Int.random(in: bytes.indices, using: &generator)
    let marks: [UInt8] = Array("[]=:;# \t\n\r.\"0x9".utf8) + [0, 0x7f, 0xff, 0xc3]
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[place] = marks[Int.random(in: marks.indices, using: &generator)]
    case 2: bytes.insert(marks[Int.random(in: marks.indices, using: &generator)], at: place)
    case 3: bytes.remove(at: place)
    case 4: bytes.removeLast(bytes.count - place)
    case 5:
      let end = min(bytes.count, place + Int.random(in: 1...300, using: &generator))
      bytes.insert(contentsOf: bytes[place..<end], at: place)
    default:
      bytes.insert(
        contentsOf: [UInt8](
          repeating: marks[Int.random(in: marks.indices, using: &generator)],
          count: Int.random(in: 1...300, using: &generator)), at: place)
    }
  }

  @Test func everyPrefixOfTheSampleIsReadWithoutATrap() throws {
    let lines = uncommented(try shipped("docs/site.ini.sample")).split(separator: "\n")
    let bytes = Array(lines.filter { !$0.hasPrefix("#") }.joined(separator: "\n").utf8)
    for count in 0...bytes.count {
      var problems = ProblemList()
      _ = SiteConfiguration(parsing: Array(bytes[..<count]).span, problems: &problems)
      problems.checkInvariants()
    }
  }
}
