import Foundation
import NodeConfiguration
import Testing

/// `cairn boot-file apply`: cairn.ini of the boot partition becomes the node's configuration, or is refused.
@Suite struct BootFileTests {
  /// A boot partition and a folder for the site file.
  final class Card {
    let folder: URL
    init() throws {
      folder = FileManager.default.temporaryDirectory.appending(path: "card-\(UUID().uuidString)")
      for name in ["boot", "etc"] {
        try FileManager.default.createDirectory(
          at: folder.appending(path: name), withIntermediateDirectories: true)
      }
    }
    deinit {
      do { try FileManager.default.removeItem(at: folder) } catch {
        // A folder that is left in /tmp harms nothing.
      }
    }
    func url(_ name: String) -> URL { folder.appending(path: name) }
    func write(_ text: String) throws { try Data(text.utf8).write(to: url("boot/cairn.ini")) }
    func read(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }
    func data(_ name: String) throws -> Data { try Data(contentsOf: url(name)) }
    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: url(name).path) }
    func apply() throws -> Ending {
      try Tool.run(
        ["boot-file", "apply", url("boot").path, "--config", url("etc/site.ini").path])
    }
  }

  static let gateway = """
    [gateway]
    url = https://gateway.example
    public_key = d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a

    """
  static let invite = "[enrolment]\nauthorization_first = AAECAwQF\n"

  @Test func aGoodFileBecomesTheSiteFileAndLeavesNoErrors() throws {
    let card = try Card()
    try Data("old".utf8).write(to: card.url("boot/cairn-errors.txt"))
    try card.write(Self.gateway)
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/site.ini") == Self.gateway)
    #expect(!card.has("boot/cairn-errors.txt"))
    #expect(!card.has("etc/wireless.conf") && !card.has("etc/host-name"))
  }

  @Test func whatTheSampleHasIsRefusedOnlyForWhatItLacks() throws {
    let card = try Card()
    let sample = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Boards/Image/cairn.ini")
    let text = try String(decoding: Data(contentsOf: sample), as: UTF8.self)
    try card.write(text)
    #expect(try card.apply().status == 78)
    let errors = try card.read("boot/cairn-errors.txt").split(separator: "\n")
    #expect(errors.count == 4 && errors[0].contains("[gateway] needs the key url"))
    #expect(errors[1].contains("public_key is missing"))
    // Every example in it, taken as it stands, is taken.
    var filled = text
    for key in [
      "url", "public_key", "name", "[place]", "latitude", "longitude", "elevation", "[sensor.air]",
      "chip", "bus", "address", "interval", "host_name", "[wireless]", "passphrase", "country",
    ] { filled = filled.replacing("\n#\(key)", with: "\n\(key)") }
    try card.write(filled)
    let ending = try card.apply()
    #expect(ending.status == 0, "\(ending.output)")
  }

  @Test func aWrongPublicKeyIsNotCalledMissingToo() throws {
    let card = try Card()
    try card.write("[gateway]\nurl = https://g.example\npublic_key = d75a\n")
    let ending = try card.apply()
    #expect(ending.status == 78 && ending.output.contains("cairn.ini:3: public_key"))
    #expect(!ending.output.contains("is missing"), "\(ending.output)")
  }

  @Test func editorsOfOtherSystemsAreTaken() throws {
    let card = try Card()
    let lines = (Self.gateway + Self.invite + "[system]\nhost_name = roof\n")
      .replacing("\n", with: "\r\n")
    try card.write("\u{feff}" + lines)
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/host-name") == "roof")
    #expect(try card.read("boot/cairn.ini").contains("host_name = roof\r\n"))
  }

  @Test func tabsAroundTheEqualsSignAreBlanks() throws {
    let card = try Card()
    try card.write(
      Self.gateway + "[system]\nhost_name\t=\troof\t\n"
        + "[wireless]\nname \t= \ta b\npassphrase\t=12345678\ncountry=\tCH\n")
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/host-name") == "roof")
    let wireless = try card.read("etc/wireless.conf")
    #expect(wireless.contains("ssid=612062\n") && wireless.contains("country=CH\n"), "\(wireless)")
  }

  @Test func aFileWithAnEndingTooManyIsToldBesideWhateverElseIs() throws {
    let card = try Card()
    try Data(Self.gateway.utf8).write(to: card.url("boot/cairn.ini.txt"))
    let alone = try card.apply()
    #expect(alone.status == 69 && alone.output.contains("cairn.ini.txt: is not read"))
    try card.write(Self.gateway)
    let beside = try card.apply()
    #expect(beside.status == 0 && beside.output.contains("cairn.ini.txt: is not read"))
    // The file that counts was taken over: nothing is to be mended in it.
    #expect(!beside.output.contains("Mend") && !beside.output.contains("goes on"))
    #expect(try card.read("etc/site.ini") == Self.gateway)
    #expect(try card.read("boot/cairn-errors.txt") == beside.output)
    try FileManager.default.removeItem(at: card.url("boot/cairn.ini.txt"))
    #expect(try card.apply().output.isEmpty)
    #expect(!card.has("boot/cairn-errors.txt"))
  }

  /// Each is refused, says why, and leaves what held before.
  @Test(arguments: [
    ("[gateway]\nurl = https://g.example\n", "cairn.ini:1: public_key is missing"),
    (
      "[gateway]\nurl = https://g.example\n[sensor.air]\nchip = bme\n",
      "cairn.ini:1: public_key is missing"
    ),
    (
      "[gateway]\nurl = https://g.example\n[system]\nhost_name = -x\n",
      "cairn.ini:1: public_key is missing"
    ),
    (gateway + "[system]\nhost_name = -x\n", "cairn.ini:5: host_name"),
    (gateway + "[system]\nhost_name = a\nhost_name = b\n", "cairn.ini:6: this key stands above"),
    (gateway + "[system]\n[system]\n", "cairn.ini:5: this section stands above"),
    (gateway + "[system]\nhostname = a\n", "cairn.ini:5: unknown key in [system]"),
    (gateway + "[system]\nhost_name\n", "cairn.ini:5: neither"),
    (gateway + "[system]\nhost_name =\n", "cairn.ini:5: a key without a value"),
    (gateway + "[wireless]\nname = a\ncountry = CH\n", "[wireless] needs name, passphrase"),
    (gateway + "[wireless]\npassphrase = 1234567\n", "cairn.ini:5: passphrase"),
    (gateway + "[wireless]\ncountry = ch\n", "cairn.ini:5: country"),
    (gateway + "[wireless]\nname = \u{1}\n", "cairn.ini:5: a control character"),
    (gateway + "[wireless]\nname = a\tb\n", "cairn.ini:5: a control character"),
    (gateway + "[system]\nhost\u{7f}name = a\n", "cairn.ini:5: a control character"),
    (gateway + "[sensor.air]\nchip = bme\n", "cairn.ini:5: chip"),
    (gateway + "\u{0}", "cairn.ini:4: a NUL byte"), ("[gateway", "cairn.ini:1: not a heading"),
    ("", "[gateway]"), ("\u{feff}", "[gateway]"),
    (String(repeating: "#", count: 1 << 20), "16 KiB"),
    (String(repeating: "#\n", count: 8192), "16 KiB"), ("\u{1f}\u{8b}", "cairn.ini:1"),
  ])
  func aBadFileIsRefusedWithItsReasonAndChangesNothing(_ text: String, _ reason: String) throws {
    let card = try Card()
    try card.write(Self.gateway)
    #expect(try card.apply().status == 0)
    try card.write(text)
    let ending = try card.apply()
    #expect(ending.status == 78)
    #expect(ending.output.contains(reason), "\(ending.output)")
    #expect(ending.output.contains("goes on with the configuration that it had before"))
    #expect(try card.read("boot/cairn-errors.txt") == ending.output)
    #expect(try card.read("etc/site.ini") == Self.gateway)
    #expect(try card.read("boot/cairn.ini") == text)
  }

  @Test func everyBeginningOfAGoodFileIsTakenOrRefused() throws {
    let whole =
      Self.gateway + Self.invite + "[wireless]\nname = a\npassphrase = 12345678\ncountry = CH\n"
    let card = try Card()
    for end in stride(from: 0, through: whole.utf8.count, by: 3) {
      let cut = String(decoding: whole.utf8.prefix(end), as: UTF8.self)
      try card.write(cut)
      let status = try card.apply().status
      #expect(status == 0 || status == 78, "cut at \(end)")
      #expect((status == 78) == card.has("boot/cairn-errors.txt"), "cut at \(end)")
    }
  }

  @Test func bytesOfNoUTF8AreRefusedByTheirLine() throws {
    let card = try Card()
    try (Data(Self.gateway.utf8) + Data("[node]\nname = B".utf8) + Data([0xe4, 0x0a]))
      .write(to: card.url("boot/cairn.ini"))
    let ending = try card.apply()
    #expect(ending.status == 78 && ending.output.contains("cairn.ini:5: not UTF-8"))
    try (Data(Self.gateway.utf8) + Data("[wireless]\nname = B".utf8) + Data([0xe4, 0x0a]))
      .write(to: card.url("boot/cairn.ini"))
    #expect(try card.apply().output.contains("cairn.ini:5: not UTF-8"))
  }

  @Test func anAbsentFileAndAFolderInItsPlaceAreTold() throws {
    let card = try Card()
    let absent = try card.apply()
    #expect(absent.status == 69 && absent.output.contains("has no configuration yet"))
    try FileManager.default.createDirectory(
      at: card.url("boot/cairn.ini"), withIntermediateDirectories: false)
    #expect(try card.apply().output.contains("not a file"))
  }

  @Test func anInviteIsTakenOverAndNoByteOfItIsLeftInTheFile() throws {
    let card = try Card()
    let text =
      Self.gateway + "[enrolment]\n#authorization_old = ZZZZ\nauthorization_first = AAECAwQF\n"
    try card.write(text + "[node]\nname = roof\n")
    #expect(try card.apply().status == 0)
    let left = try card.read("boot/cairn.ini")
    #expect(left.utf8.count == text.utf8.count + "[node]\nname = roof\n".utf8.count)
    for secret in ["AAEC", "AwQF", "ZZZZ", "[enrolment]"] { #expect(!left.contains(secret)) }
    #expect(left.contains("name = roof") && left.contains(Self.gateway))
    #expect(try card.read("etc/site.ini").contains("authorization_first = AAECAwQF"))
    // The next start, and a later edit, keep it.
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/site.ini").contains("authorization_first = AAECAwQF"))
    try card.write(left.replacing("roof", with: "cave"))
    #expect(try card.apply().status == 0)
    let site = try card.read("etc/site.ini")
    #expect(site.contains("name = cave") && site.contains("authorization_first = AAECAwQF"))
    // Another invite takes its place.
    try card.write(Self.gateway + "[enrolment]\nauthorization_first = BBBB\n")
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/enrolment.ini") == "[enrolment]\nauthorization_first = BBBB\n")
  }

  /// The sample with an invite pasted below the lines that ask for it: all other lines are there as before.
  @Test(arguments: ["", "[wireless]\nname = N\npassphrase = 12345678\ncountry = CH\n"])
  func wipingAnInviteLeavesTheCommentsBehindIt(above: String) throws {
    let card = try Card()
    let sample = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Boards/Image/cairn.ini")
    let text = try String(decoding: Data(contentsOf: sample), as: UTF8.self)
    let before = "# Where the node stands, in degrees"
    #expect(text.contains(before))
    let filled = text.replacing("[gateway]\n", with: Self.gateway)
    try card.write(filled.replacing(before, with: above + Self.invite + before))
    #expect(try card.apply().status == 0)
    let left = try card.read("boot/cairn.ini")
    #expect(!left.contains("AAECAwQF"))
    let lines = left.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.filter { $0.hasPrefix("#~") }.count == 2)
    let others = lines.filter { !$0.hasPrefix("#~") }.joined(separator: "\n")
    #expect(others == filled.replacing(before, with: above + before))
    // What was wiped changed nothing of the configuration: no boot leaf tells of another one.
    let site = try card.data("etc/site.ini")
    #expect(try card.apply().status == 0)
    #expect(try card.data("etc/site.ini") == site)
    #expect(try card.read("boot/cairn.ini") == left)
  }

  @Test(arguments: [
    ("#authorization_first = AAECAwQF", true), ("# authorization_second=AA", true),
    (";authorization_third\t=\tAA", true), ("#authorization_first = 0oRDoQEnoFhYabcd ; mine", true),
    ("##  old: authorization_first = 0oRDoQEnoFhYabcdef", true),
    ("#authorization_first = 0oRDoQEnoFhY…", false), ("#authorization_first =", false),
    ("#authorization_first", false), ("#authorization_first = ~~~~~~~~~~~~~~~~~~~~", false),
    ("# d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", false),
    ("#public_key = d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", false),
    ("#", false), (";=", false), ("#=AAAA", false), ("#authorization = AAECAwQFAAECAwQF", false),
    ("#chip = bme280", false),
  ])
  func aCommentIsWipedOnlyWhenAnInviteIsPutAwayInIt(comment: String, isWiped: Bool) throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite + comment + "\n[node]\nname = roof\n")
    #expect(try card.apply().status == 0)
    #expect(try card.read("boot/cairn.ini").contains("\n" + comment + "\n[node]") == !isWiped)
  }

  @Test func aWipingBrokenOffAnywhereIsFinishedAtTheNextStart() throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite)
    let old = try card.data("boot/cairn.ini")
    #expect(try card.apply().status == 0)
    let wiped = try card.data("boot/cairn.ini")
    for cut in 0...old.count {
      for torn in [
        wiped.prefix(cut) + old.suffix(from: cut), old.prefix(cut) + wiped.suffix(from: cut),
      ] {
        try Data(torn).write(to: card.url("boot/cairn.ini"))
        try wiped.write(to: card.url("etc/cairn.ini.wiped"))
        #expect(try card.apply().status == 0, "cut at \(cut)")
        #expect(try card.data("boot/cairn.ini") == wiped, "cut at \(cut)")
        #expect(!card.has("etc/cairn.ini.wiped"))
      }
    }
    #expect(try card.read("etc/site.ini").contains("authorization_first = AAECAwQF"))
  }

  @Test func aFileEditedAfterABrokenWipingIsTheOneThatCounts() throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite)
    #expect(try card.apply().status == 0)
    try card.data("boot/cairn.ini").write(to: card.url("etc/cairn.ini.wiped"))
    let edited = Self.gateway.replacing("gateway.example", with: "gateway.invalid")
    try card.write(edited)
    #expect(try card.apply().status == 0)
    #expect(try card.read("boot/cairn.ini") == edited)
    #expect(!card.has("etc/cairn.ini.wiped"))
    #expect(try card.read("etc/site.ini").contains("gateway.invalid"))
  }

  @Test func anotherInviteOfTheSameLengthAfterABrokenWipingIsTakenOver() throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite)
    #expect(try card.apply().status == 0)
    let before = try card.read("etc/enrolment.ini")
    let wiped = try card.data("boot/cairn.ini")
    // Before its first byte was written over: finished.
    try wiped.write(to: card.url("etc/cairn.ini.wiped"))
    try card.write(Self.gateway + Self.invite)
    #expect(try card.apply().status == 0)
    #expect(try card.data("boot/cairn.ini") == wiped)
    // Another file in its place.
    var characters = Array(Self.invite)
    let place = try #require(characters.lastIndex { $0.isLetter })
    characters[place] = characters[place] == "B" ? "C" : "B"
    try wiped.write(to: card.url("etc/cairn.ini.wiped"))
    try card.write(Self.gateway + String(characters))
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/enrolment.ini") != before)
    #expect(try card.read("etc/enrolment.ini") == String(characters))
    #expect(try card.data("boot/cairn.ini") == wiped)
    #expect(!card.has("etc/cairn.ini.wiped"))
  }

  @Test func anInviteThatWasTakenOverAndCantBeReadIsSaidAndNothingIsMadeWithoutIt() throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite)
    #expect(try card.apply().status == 0)
    let site = try card.read("etc/site.ini")
    try String(repeating: "#", count: 2_000).write(
      to: card.url("etc/enrolment.ini"), atomically: false, encoding: .utf8)
    try card.write(Self.gateway.replacing("gateway.example", with: "gateway.invalid"))
    let ended = try card.apply()
    #expect(ended.status == 74)
    #expect(try card.read("boot/cairn-errors.txt").contains("enrolment.ini"))
    #expect(try card.read("etc/site.ini") == site)
  }

  @Test func aWirelessNetworkCantSayMoreThanItsName() throws {
    let card = try Card()
    try card.write(
      Self.gateway + "[wireless]\nname = a\"b # c\npassphrase = \"quoted\" }\ncountry = CH\n")
    #expect(try card.apply().status == 0)
    let network = try card.read("etc/wireless.conf")
    #expect(network.contains("ssid=61226220232063\n"))
    #expect(network.contains("psk=\"\"quoted\" }\"\n"))
    let mode =
      try FileManager.default.attributesOfItem(
        atPath: card.url("etc/wireless.conf").path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    // The site file, which the group reads, has nothing of it, and each line where it was.
    let site = try card.read("etc/site.ini")
    #expect(!site.contains("quoted") && site.hasPrefix(Self.gateway))
    try card.write(Self.gateway)
    #expect(try card.apply().status == 0)
    #expect(!card.has("etc/wireless.conf"))
  }

  @Test func anEditOfTheSiteFileLastsUntilCairnIniSaysSomethingElseAndIsKeptThen() throws {
    let card = try Card()
    try card.write(Self.gateway)
    #expect(try card.apply().status == 0)
    let edited = Self.gateway + "[node]\nname = by hand\n"
    try Data(edited.utf8).write(to: card.url("etc/site.ini"))
    for _ in 0..<2 {
      let ending = try card.apply()
      #expect(ending.status == 0 && ending.output.isEmpty)
      #expect(try card.read("etc/site.ini") == edited)
    }
    try card.write(Self.gateway + "[node]\nname = by card\n")
    let ending = try card.apply()
    #expect(ending.status == 0 && ending.output.contains("site.ini.edited"), "\(ending.output)")
    #expect(try card.read("etc/site.ini").contains("name = by card"))
    #expect(try card.read("etc/site.ini.edited") == edited)
    #expect(!card.has("boot/cairn-errors.txt"))
    // What nobody edited is replaced without a word, and what was kept stays.
    try card.write(Self.gateway)
    #expect(try card.apply().output.isEmpty)
    #expect(try card.read("etc/site.ini") == Self.gateway)
    #expect(try card.read("etc/site.ini.edited") == edited)
    // A site file that is gone is made again.
    try FileManager.default.removeItem(at: card.url("etc/site.ini"))
    #expect(try card.apply().status == 0)
    #expect(try card.read("etc/site.ini") == Self.gateway)
  }

  /// The site file is there and what was made of it not yet: no edit is seen where there is none.
  @Test func aPowerCutBetweenTheSiteFileAndItsRecordLosesNothing() throws {
    let card = try Card()
    try card.write(Self.gateway)
    #expect(try card.apply().status == 0)
    try card.write(Self.gateway + "[node]\nname = new\n")
    try Data((Self.gateway + "[node]\nname = new\n").utf8).write(to: card.url("etc/site.ini"))
    #expect(try card.apply().output.isEmpty)
    #expect(!card.has("etc/site.ini.edited"))
    #expect(try card.read("etc/site.ini.made") == card.read("etc/site.ini"))
  }

  /// The enrolment moves to the end of the site file, which has no more than 16 KiB.
  @Test func anInviteIsTakenOverWholeOrNotAtAllInAFileOfAnyLength() throws {
    let card = try Card()
    let small = Self.gateway + Self.invite + "[node]\nname = x\n"
    let line = String(repeating: "p", count: 120)
    var statuses = Set<Int32>()
    for size in 16_300...16_384 {
      var text = small
      while text.utf8.count + 125 <= size { text += "#\(line)\n" }
      text += "#" + String(repeating: "p", count: size - text.utf8.count - 2) + "\n"
      try card.write(text)
      let ending = try card.apply()
      statuses.insert(ending.status)
      if ending.status == 0 {
        #expect(try card.read("etc/site.ini").hasSuffix(Self.invite), "\(size)")
        #expect(!(try card.read("boot/cairn.ini").contains("AAECAwQF")), "\(size)")
      } else {
        #expect(ending.output.contains("16 KiB"), "\(size): \(ending.output)")
        #expect(try card.read("boot/cairn.ini") == text, "\(size)")
      }
    }
    #expect(statuses == [0, 78])
  }

  @Test func noValueReachesTheConsoleWithSignsThatItObeys() throws {
    let card = try Card()
    for value in ["x\u{9b}2J", "x\u{1b}[2J", "x\u{202e}abc", "\u{85}y"] {
      for line in ["[sensor.air]\nchip = \(value)\n", "[\(value)]\n", "[node]\n\(value) = 1\n"] {
        try card.write(Self.gateway + line)
        let ending = try card.apply()
        #expect(ending.status == 78)
        for sign in ending.output.unicodeScalars {
          #expect(sign.isASCII && sign.value >= 0x20 || sign == "\n" || sign == "…")
        }
      }
    }
  }

  /// A folder where the site file's neighbour should be: it can't be replaced, as on a disk that is full.
  @Test func anInviteThatCantBeKeptStaysInTheFile() throws {
    for name in ["enrolment.ini", "site.ini", "site.ini.made", "cairn.ini.wiped"] {
      let card = try Card()
      let text = Self.gateway + Self.invite
      try card.write(text)
      let blocked = card.url("etc/\(name)")
      try FileManager.default.createDirectory(
        at: blocked.appending(path: "full"), withIntermediateDirectories: true)
      let ending = try card.apply()
      #expect(ending.status == 74, "\(name): \(ending.output)")
      #expect(ending.output.contains("the node's own storage that fails"), "\(ending.output)")
      #expect(!ending.output.contains("Mend cairn.ini"), "\(ending.output)")
      #expect(try card.read("boot/cairn.ini") == text, "\(name)")
      try FileManager.default.removeItem(at: blocked)
      #expect(try card.apply().status == 0, "\(name)")
      #expect(!(try card.read("boot/cairn.ini").contains("AAECAwQF")), "\(name)")
      #expect(try card.read("etc/site.ini").hasSuffix(Self.invite), "\(name)")
    }
  }

  @Test func nothingIsWrittenWhenNothingChanged() throws {
    let card = try Card()
    try card.write(Self.gateway + Self.invite)
    #expect(try card.apply().status == 0)
    var before: [String: Int] = [:]
    for name in ["boot/cairn.ini", "etc/site.ini", "etc/enrolment.ini"] {
      before[name] = try inode(card, name)
    }
    #expect(try card.apply().status == 0)
    for (name, number) in before { #expect(try inode(card, name) == number, "\(name)") }
  }

  private func inode(_ card: Card, _ name: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: card.url(name).path)[.systemFileNumber] as? Int
  }
}
