import FixedMemory
import Testing

@testable import NodeConfiguration

/// The options, what was found, and the words that were left for the program.
private func read(_ words: [String]) -> (
  paths: [String], found: [Found], rest: [String]
) {
  var problems = ProblemList()
  var options = ProgramOptions(stateFolder: "/var/lib/cairn/agent")
  var rest: [String] = []
  for word in words where !options.take(Array(word.utf8).span, problems: &problems) {
    rest.append(word)
  }
  options.finish(problems: &problems)
  let paths = [
    options.configPath.string, options.boardPath.string, options.stateFolder.string,
    options.runFolder.string,
  ]
  return (paths, list(problems), rest)
}

@Suite struct ProgramOptionsTests {
  @Test func theFourOptionsAreTakenInAnyOrderAndOtherWordsAreLeft() {
    let result = read([
      "log", "--run", "/r", "--board", "b.ini", "export", "--state", "/s", "--config", "c.ini",
      "-x",
    ])
    #expect(result.paths == ["c.ini", "b.ini", "/s", "/r"])
    #expect(result.found == [] && result.rest == ["log", "export", "-x"])
  }

  @Test func optionsThatAreNotGivenHaveTheirDefaults() {
    let result = read([])
    #expect(result.paths == ["/etc/cairn/site.ini", "", "/var/lib/cairn/agent", "/run/cairn"])
    #expect(result.found == [])
  }

  @Test(arguments: [
    (["--board"], Problem.Reason.missingArgument), (["--board", ""], .outOfRange),
    (["--board", "--run"], .outOfRange), (["--board", "a", "--board", "b"], .duplicateKey),
    (["--board", "a", "--run", "/" + String(repeating: "r", count: 80)], .outOfRange),
    (["--board", "a", "--config", String(repeating: "c", count: 185)], .outOfRange),
  ])
  func aWrongOptionIsRefused(words: [String], reason: Problem.Reason) {
    #expect(read(words).found.map(\.reason) == [reason])
  }

  @Test func anUnknownWordIsRefusedWithTheNearestOption() {
    var problems = ProblemList()
    let options = ProgramOptions(stateFolder: "/s")
    options.refuseUnknown(Array("--confg".utf8).span, problems: &problems)
    #expect(
      list(problems).map(\.message) == ["unknown argument \"--confg\": did you mean --config?"])
  }

  @Test func aProblemIsDescribedAsFileLineAndSentence() {
    var problems = ProblemList()
    var options = ProgramOptions(stateFolder: "/s")
    for word in ["--config", "a.ini", "--board", "b.ini"] {
      let isTaken = options.take(Array(word.utf8).span, problems: &problems)
      #expect(isTaken)
    }
    _ = SiteConfiguration(parsing: Array("[gateway]\n".utf8).span, problems: &problems)
    problems.refuseFile(.board, .notFound)
    let described = (0..<problems.shownCount).map {
      problems.describe($0, options: options).string
    }
    #expect(
      described.first
        == "a.ini:1: [gateway] needs the key url: "
        + "https://HOST[:PORT][/PATH] or mqtts://HOST[:PORT], or either without its s")
    #expect(described.contains { $0.hasPrefix("a.ini:1: warning: ") })
    #expect(described.last == "b.ini: no such file")
  }
}
