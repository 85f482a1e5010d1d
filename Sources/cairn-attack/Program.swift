import ArgumentParser
import Attackers
import Foundation

@main
struct Program: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn-attack",
    abstract: "Attackers on coverage, in a simulated fleet, judged by the real verifier.",
    discussion: """
      Attacks: \(Attack.allCases.map { "\($0.rawValue) (\($0.explanation))" }.joined(separator: "; ")).
      A false word is a beacon and somebody who says to have heard it, where one of both cheats. It is caught when it is \
      refused, or counts a quarter at most. Progress goes to standard error.
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
  var nodes = 200

  @Option(help: "Windows of a quarter of an hour, 8 to 192.")
  var windows = 48

  @Flag(help: "The result as JSON, with reasons and statistics.")
  var json = false

  func validate() throws {
    guard (1...10_000).contains(seeds) else { throw ValidationError("--seeds is from 1 to 10000") }
    guard (50...400).contains(nodes) else { throw ValidationError("--nodes is from 50 to 400") }
    guard (8...192).contains(windows) else { throw ValidationError("--windows is from 8 to 192") }
    guard first <= 1 << 32 else { throw ValidationError("--first is at most 4294967296") }
  }

  func run() throws {
    let options = AttackRun.Options(
      seeds: first..<(first + seeds), model: channel,
      attacks: attack.isEmpty ? Attack.allCases : attack, nodes: nodes, windows: windows)
    var run = AttackRun(options)
    let clock = ContinuousClock()
    let begin = clock.now
    for seed in options.seeds {
      try run.run(seed: seed)
      let done = Int(seed - first) + 1
      let passed = Int((clock.now - begin).components.seconds)
      let rest = passed * (Int(seeds) - done) / done
      tell("seed \(seed): \(done) of \(seeds), \(passed) s, about \(rest) s to go\n")
    }
    if json {
      print(try AttackTable.json(run.tallies, options))
    } else {
      print(
        "\(nodes) honest nodes, \(windows) windows, \(seeds) seeds, channel \(channel.rawValue)\n")
      print(AttackTable.text(run.tallies))
      print("\n" + AttackTable.bounds(run.tallies))
    }
  }

  private func tell(_ line: String) { FileHandle.standardError.write(Data(line.utf8)) }
}

extension Attack: ExpressibleByArgument {}
extension ChannelModel: ExpressibleByArgument {}
