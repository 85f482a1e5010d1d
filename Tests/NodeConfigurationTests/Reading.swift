import FixedMemory
import Foundation

@testable import NodeConfiguration

/// A problem as tests compare it.
struct Found: Equatable, CustomStringConvertible {
  var line: Int
  var reason: Problem.Reason
  var severity: Problem.Severity
  var message: String

  var description: String { "\(line): \(severity) \(reason): \(message)" }
}

extension FixedText {
  var string: String { span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
}

extension StaticString {
  var string: String { description }
}

func list(_ problems: borrowing ProblemList) -> [Found] {
  problems.checkInvariants()
  return (0..<problems.shownCount).map {
    let problem = problems[$0]
    return Found(
      line: problem.line, reason: problem.reason, severity: problem.severity,
      message: problem.message.string)
  }
}

/// Problems of a site file, warnings left out.
func siteRefusals(_ bytes: [UInt8]) -> [Found] {
  var problems = ProblemList()
  _ = SiteConfiguration(parsing: bytes.span, problems: &problems)
  return list(problems).filter { $0.severity == .refusal }
}

func siteRefusals(_ text: String) -> [Found] { siteRefusals(Array(text.utf8)) }

func boardRefusals(_ text: String, run: StaticString = "/run/cairn") -> [Found] {
  var problems = ProblemList()
  _ = BoardProfile(
    parsing: Array(text.utf8).span, runFolder: FixedText(run), problems: &problems)
  return list(problems)
}

/// The lines that make a site file whole; a test appends what it is about.
let smallestSite = "[gateway]\nurl = https://gateway.example\n"
let smallestBoard = "[board]\nname = test\n"

/// The repository's folder, so that tests read the files that are shipped.
let repository = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

func shipped(_ path: String) throws -> String {
  try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
}

/// A generator whose seed a failing test prints.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

  /// xorshift64*.
  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_f491_4f6c_dd1d
  }
}
