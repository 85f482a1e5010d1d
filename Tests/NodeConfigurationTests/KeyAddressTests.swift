import FixedMemory
import Testing

@testable import NodeConfiguration

private func site(_ address: String) -> String { smallestSite + "[key]\naddress = \(address)\n" }

private func longPath(_ count: Int) -> String {
  "file:/" + String(repeating: "k", count: count - 6)
}

@Suite struct KeyAddressTests {
  @Test func aFileIsTheOnlyPlaceThatIsTaken() throws {
    var problems = ProblemList()
    let text = site("file:/var/lib/cairn/agent/key")
    let read = SiteConfiguration(parsing: Array(text.utf8).span, problems: &problems)
    #expect(problems.isUsable && read.keyFile.string == "/var/lib/cairn/agent/key")
    let plain = SiteConfiguration(parsing: Array(smallestSite.utf8).span, problems: &problems)
    #expect(plain.keyFile.isEmpty)
  }

  /// What was asked for, and what to write in its place.
  @Test(arguments: [
    ("tpm:0x81010001", "\"tpm:0x81010001\" asks for a key in a TPM 2.0"),
    ("tpm:", "asks for a key in a TPM 2.0"), ("ecc608:i2c-1/0x60/0", "a key in an ATECC608"),
    ("pkcs11:token=a", "no kind of place that is known"), ("FILE:/a", "no kind of place"),
    (":/a", "no kind of place"), ("/var/lib/cairn/key", "says not what keeps the key"),
    ("file:", "names no file"), ("file:agent.key", "is relative"), ("file:./key", "is relative"),
    ("file://host/key", "a slash too many"), ("file:///key", "a slash too many"),
    ("file:/var/lib/", "is a folder"), ("file:/", "is a folder"),
  ])
  func whatNoSignerCanUseIsRefusedByName(address: String, words: String) {
    let found = siteRefusals(site(address))
    #expect(found.map(\.line) == [4] && found.map(\.reason) == [.wrongValue], "\(found)")
    let message = found.first?.message ?? ""
    #expect(message.hasPrefix("address: ") && message.contains(words), "\(message)")
    #expect(message.contains("file:/PATH") || words == "is a folder", "\(message)")
  }

  @Test func aPathThatNoProgramCouldOpenIsRefused() {
    let fits = Limits.pathByteCount
    // A line of the file ends before a path does.
    let line = Limits.lineByteCount - "address = ".count
    #expect(siteRefusals(site(longPath(line))) == [])
    #expect(siteRefusals(site(longPath(line + 1))).map(\.reason) == [.lineTooLong])
    var problems = ProblemList()
    var options = ProgramOptions(stateFolder: "/s", takesKeyAddress: true)
    for word in ["--key-address", longPath(5 + fits + 1)] {
      #expect(options.take(Array(word.utf8).span, problems: &problems))
    }
    #expect(list(problems).map(\.reason) == [.outOfRange])
  }

  @Test func theCommandLineNamesAKeyOnlyWhereAProgramHasOne() {
    var problems = ProblemList()
    var agent = ProgramOptions(stateFolder: "/s", takesKeyAddress: true)
    for word in ["--key-address", "file:/k/key"] {
      #expect(agent.take(Array(word.utf8).span, problems: &problems))
    }
    agent.finish(problems: &problems)
    #expect(problems.isUsable && agent.keyFile.string == "/k/key")
    #expect(agent.copy().keyFile.string == "/k/key")
    var uplink = ProgramOptions(stateFolder: "/s")
    let word: [UInt8] = Array("--key-address".utf8)
    #expect(!uplink.take(word.span, problems: &problems))
    var wrong = ProgramOptions(stateFolder: "/s", takesKeyAddress: true)
    for word in ["--key-address", "tpm:1"] {
      #expect(wrong.take(Array(word.utf8).span, problems: &problems))
    }
    #expect(
      list(problems).map(\.message) == [
        "--key-address: \"tpm:1\" asks for a key in a TPM 2.0, and this build has no such signer: write file:/PATH"
      ])
  }

  /// A site with all that it may have is listed whole.
  @Test func theLargestSiteIsListed() {
    var text = smallestSite + "[key]\naddress = file:/k\n"
    for section in ["node", "batch", "commit", "delivery", "spool", "clock"] {
      text += "[\(section)]\n"
    }
    text += "[enrolment]\n[place]\n[radio]\n[gnss]\n"
    for number in 0..<16 { text += "[sensor.s\(number)]\n" }
    for number in 0..<4 { text += "[pulse.p\(number)]\n[contact.c\(number)]\n" }
    var problems = ProblemList()
    let listing = ConfigurationListing(
      of: .site, parsing: Array(text.utf8).span, problems: &problems)
    var titles = 0
    for index in listing.sections.indices where listing.sections[index].line > 0 { titles += 1 }
    #expect(titles == 12 + 16 + 8)
  }
}
