import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

private func letters(_ count: Int) -> String { String(repeating: "a", count: count) }

@Suite struct RefusalTests {
  @Test func allMistakesAreToldAtOnceEachWithItsLine() {
    let found = siteRefusals(
      """
      lost = 1
      [gateway]
      url = gateway.example
      [batsch]
      interval = 1 s
      [batch]
      intervall = 1 s
      interval = 1
      interval = 2 s
      [gateway]
      [sensor]
      chip = x
      [sensor.a]
      chip = bme208
      [node.x]
      [i2c.i2c-1]
      """)
    #expect(
      found.map { "\($0.line) \($0.reason)" } == [
        "1 keyOutsideSection", "3 wrongValue", "4 unknownSection", "7 unknownKey",
        "8 missingUnit", "9 duplicateKey", "10 duplicateSection", "11 wrongName", "14 wrongValue",
        "13 missingKey", "15 wrongName", "16 unknownSection",
      ], "\(found)")
  }

  @Test func aMissingSectionIsToldAtTheEndOfTheFile() {
    #expect(siteRefusals("").map { "\($0.line) \($0.reason)" } == ["1 missingSection"])
    #expect(siteRefusals("[node]\n\n#\n").map(\.line) == [3])
  }

  @Test func moreMistakesThanFitAreCounted() {
    let text = smallestSite + String(repeating: "x\n", count: 40)
    var problems = ProblemList()
    _ = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    #expect(problems.refusalCount == 40 && problems.shownCount == Limits.problemCount)
    #expect(problems.hiddenCount == 40 + problems.warningCount - 16)
  }

  private static let misread: [(String, Problem.Reason)] = [
    ("a\u{0}b = c", Problem.Reason.nulByte), ("a = \u{7}", .controlCharacter),
    ("a = \u{1b}[2J", .controlCharacter), ("a\r = c", .controlCharacter),
    (" name = x", .indentedLine), ("\tname = x", .indentedLine), ("name", .malformedLine),
    ("name: x", .malformedLine), ("= x", .malformedLine), ("name =", .emptyValue),
    ("name x = y: z", .unknownKey), ("name = x ; y", .commentAfterValue),
    ("name = x\t;y", .commentAfterValue), ("name = x # y", .commentAfterValue),
    ("[node", .malformedLine), ("[]", .malformedLine), ("[spool] x = y", .malformedLine),
    ("[a]b]", .malformedLine), ("[spool] # x", .commentAfterValue),
    ("[" + letters(49) + "]", .lineTooLong),
    ("name = " + letters(191), .lineTooLong),
    ("name = " + letters(190), .outOfRange),
    ("name = " + letters(25), .outOfRange),
  ]

  @Test(arguments: misread)
  func aLineThatLibinihWouldMisreadIsRefused(line: String, reason: Problem.Reason) {
    let found = siteRefusals(smallestSite + "[node]\n" + line + "\n")
    #expect(found.map(\.reason) == [reason] && found.first?.line == 4, "\(line): \(found)")
  }

  @Test func bytesThatAreNotUTF8AreRefused() {
    for bytes: [UInt8] in [
      [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80],
    ] {
      let found = siteRefusals(Array((smallestSite + "[node]\nname = ").utf8) + bytes + [0x0a])
      #expect(found.map(\.reason) == [.notUTF8] && found.first?.line == 4, "\(bytes)")
    }
  }

  @Test func keysOfARefusedHeadingAreNotTakenForThoseOfTheSectionBefore() {
    let found = siteRefusals("[gateway]\nurl = https://a.b\n[batch\nurl = https://c.d\nx = y\n")
    #expect(found.map(\.reason) == [.malformedLine], "\(found)")
  }

  @Test func whatEditorsOfDesksAddIsTaken() {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    let text = "[gateway]\r\n; note\r\nurl=https://a.b  \r\n\r\n  \t\r\n  # indented note\r\n"
    #expect(siteRefusals(mark + Array(text.utf8)) == [])
  }

  @Test func aSemicolonWithinAValueStays() {
    var problems = ProblemList()
    let text = smallestSite + "[node]\nname = a;b#c\n"
    let site = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    #expect(site.nodeName.string == "a;b#c" && problems.isUsable)
  }

  @Test func aFileIsReadUpToItsLimitAndRefusedBeyond() {
    let comment = String(repeating: "#", count: 99) + "\n"
    let room = Limits.fileByteCount - 1 - smallestSite.utf8.count
    let whole = smallestSite + String(repeating: comment, count: room / 100)
    let full = whole + String(repeating: "\n", count: Limits.fileByteCount - 1 - whole.utf8.count)
    #expect(siteRefusals(full) == [])
    #expect(siteRefusals(full + "\n").map(\.reason) == [.tooLarge, .missingSection])
  }

  @Test func sensorsAreTakenUpToTheirLimit() {
    func sensors(_ count: Int) -> String {
      (0..<count).map { "[sensor.s\($0)]\nchip = bme280\nbus = b\($0)\n" }.joined()
    }
    #expect(siteRefusals(smallestSite + sensors(16)) == [])
    let found = siteRefusals(smallestSite + sensors(17))
    #expect(found.map(\.reason) == [.tooMany] && found.first?.line == 3 + 16 * 3, "\(found)")
  }

  @Test func entriesBeyondTheirLimitAreRefusedNotDropped() {
    let text = smallestSite + String(repeating: "x = y\n", count: 300)
    var problems = ProblemList()
    _ = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    // 256 entries less the heading and the url are unknown keys; the 257th ends the reading.
    #expect(problems.refusalCount == 254 + 1)
    #expect(list(problems).contains { $0.reason == .tooMany && $0.line == 257 })
  }

  @Test func theWidestSiteFitsTheLimitOfEntries() {
    var count = 0
    for row in 0..<Key.count where KeyTable.rows[row].section.source == .site {
      count += KeyTable.rows[row].section.limit
    }
    for raw in 0..<Section.count {
      guard let section = Section(rawValue: UInt8(raw)), section.source == .site else { continue }
      count += section.limit
    }
    #expect(count <= Limits.entryCount)
  }

  /// Every letter of every key dropped, doubled, replaced, and swapped with the next one.
  @Test func aKeyThatIsWrongByOneLetterIsRefusedWithTheRightSuggestion() {
    var tried = 0
    for row in 0..<Key.count {
      let definition = KeyTable.rows[row]
      let name = Array(definition.name.string)
      var wrong: Set<String> = []
      for index in name.indices {
        var dropped = name
        dropped.remove(at: index)
        var doubled = name
        doubled.insert(name[index], at: index)
        var replaced = name
        replaced[index] = "q"
        var swapped = name
        if index + 1 < name.count { swapped.swapAt(index, index + 1) }
        for word in [dropped, doubled, replaced, swapped] where word != name {
          wrong.insert(String(word))
        }
      }
      for word in wrong {
        let section = definition.section
        let heading = section.name.string + (section.hasName ? ".x" : "")
        let text = "[\(heading)]\n\(word) = 1\n"
        let all = section.source == .site ? siteRefusals(text) : boardRefusals(text)
        let found = all.filter { $0.reason == .unknownKey }
        let message = found.first?.message ?? "nothing"
        #expect(found.count == 1 && found.first?.line == 2)
        #expect(message.hasSuffix("did you mean \(String(name))?"), "\(word): \(message)")
        tried += 1
      }
    }
    #expect(tried > 500)
  }

  @Test func aSectionThatIsWrongByOneLetterIsRefusedWithTheRightSuggestion() {
    for raw in 0..<Section.count {
      guard let section = Section(rawValue: UInt8(raw)) else { continue }
      let name = section.name.string
      let wrong = String(name.dropLast()) + "qq".prefix(name.count > 4 ? 2 : 1)
      let text = "[\(wrong)\(section.hasName ? ".x" : "")]\n"
      let all = section.source == .site ? siteRefusals(text) : boardRefusals(text)
      let message = all.first { $0.reason == .unknownSection }?.message ?? "nothing"
      #expect(message.hasSuffix("did you mean \(name)?"), "\(wrong): \(message)")
    }
  }

  @Test func aSectionOfTheOtherFileIsSentThere() {
    #expect(siteRefusals("[i2c.a]\n").first?.message.hasSuffix("in the board profile") == true)
    #expect(boardRefusals("[gateway]\n").first?.message.hasSuffix("in site.ini") == true)
  }

  @Test func aLongValueIsQuotedInPart() {
    let value = String(repeating: "ä", count: 60)
    let found = siteRefusals(smallestSite + "[spool]\nwhen_full = \(value)\n")
    let quoted = String(repeating: "ä", count: 20) + "…"
    #expect(found.first?.message == "when_full: \"\(quoted)\" is not stop or drop-oldest")
  }

  @Test func everyMessageOfAnAllowedValueFits() {
    for row in 0..<Key.count {
      let definition = KeyTable.rows[row]
      var message = Message()
      message.write(definition.name)
      message.write(": ")
      message.write(quoted: Array(String(repeating: "x", count: 50).utf8).span)
      message.write(" is out of range: ")
      definition.kind.writeAllowed(to: &message)
      #expect(!message.isCut)
    }
  }
}
