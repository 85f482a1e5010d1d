import ArgumentParser
import Attackers
import Foundation

@main
struct Program: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn-attack",
    abstract: "Attackers on coverage, in a simulated fleet, judged by the real verifier.",
    discussion: """
      Attacks: \(Attack.allCases.map { "\($0.rawValue) (\($0.explanation))" }.joined(separator: "; ")).
      A false word is a beacon and somebody who says to have heard it, where one of both cheats. It is caught when it is \
      refused, or counts a quarter at most. The older rules are those of the best-known network's verifier; at our rate \
      is with a limit of power that refuses as few honest words. Progress goes to standard error.
      """)

  @Option(help: "How many seeds; each is a fleet of its own.")
  var seeds: UInt64 = 100

  @Option(help: "The first seed.")
  var first: UInt64 = 1

  @Option(help: "How radio waves go: plain, on which limits were set, or hilly.")
  var channel: ChannelModel = .hilly

  @Option(help: "An attack; all of them without this.")
  var attack: [Attack] = []

  @Option(help: "Honest nodes of a fleet, 50 to 400.")
  var nodes = 100

  @Option(help: "Windows of a quarter of an hour, 8 to 192.")
  var windows = 48

  @Option(help: "How many seeds at a time; without this one for each core.")
  var jobs: Int?

  @Flag(help: "Also how many nodes would fail with other limits of the statistics.")
  var sweep = false

  @Flag(help: "The result as JSON, with reasons and statistics.")
  var json = false

  @Flag(help: "The result as tables in Markdown.")
  var markdown = false

  func validate() throws {
    guard !json || !markdown else { throw ValidationError("--json or --markdown, not both") }
    guard (1...10_000).contains(seeds) else { throw ValidationError("--seeds is from 1 to 10000") }
    guard (50...400).contains(nodes) else { throw ValidationError("--nodes is from 50 to 400") }
    guard (8...192).contains(windows) else { throw ValidationError("--windows is from 8 to 192") }
    guard first <= 1 << 32 else { throw ValidationError("--first is at most 4294967296") }
    guard (1...256).contains(jobs ?? 1) else { throw ValidationError("--jobs is from 1 to 256") }
  }

  func run() async throws {
    let options = AttackRun.Options(
      seeds: first..<(first + seeds), model: channel,
      attacks: attack.isEmpty ? Attack.allCases : attack, nodes: nodes, windows: windows)
    let run = try await all(options)
    let table = AttackTable(
      run.tallies, run.honest,
      hasColour: isatty(1) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil)
    if json { return print(try table.json(options, hasScores: sweep)) }
    if markdown { return print(table.markdown) }
    print(
      "\(seeds) seeds, \(nodes) honest nodes, \(windows) windows, channel \(channel.rawValue)\n")
    print(table.text)
    print("\n" + table.bounds)
    if sweep { print("\n" + table.sweep) }
  }

  /// Seeds are independent: some at a time, added up as they end.
  private func all(_ options: AttackRun.Options) async throws -> AttackRun {
    let clock = ContinuousClock()
    let start = clock.now
    let width = max(1, min(jobs ?? ProcessInfo.processInfo.activeProcessorCount, Int(seeds)))
    return try await withThrowingTaskGroup(of: AttackRun.self) { group in
      var sum = AttackRun(options)
      var rest = options.seeds.makeIterator()
      func begin(_ seed: UInt64) {
        group.addTask {
          var own = AttackRun(options)
          try own.run(seed: seed)
          return own
        }
      }
      for _ in 0..<width {
        if let seed = rest.next() { begin(seed) }
      }
      var done = 0
      while let own = try await group.next() {
        sum.add(own)
        done += 1
        if let seed = rest.next() { begin(seed) }
        let passed = Int((clock.now - start).components.seconds)
        tell(done, passed)
      }
      return sum
    }
  }

  /// One line that is written over on a terminal, else a line for each tenth.
  private func tell(_ done: Int, _ passed: Int) {
    let rest = passed * (Int(seeds) - done) / done
    let line = "\(done) of \(seeds) seeds, \(passed) s, about \(rest) s to go"
    let isLast = done == Int(seeds)
    if isatty(2) == 1 {
      write("\r\u{1b}[K" + line + (isLast ? "\n" : ""))
    } else if isLast || done % max(1, Int(seeds) / 20) == 0 {
      write(line + "\n")
    }
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}

extension Attack: ExpressibleByArgument {}
extension ChannelModel: ExpressibleByArgument {}
