import Foundation
import Simulation
import TestSupport
import Testing

/// `cairn-simulate run` as a person starts it, with the full-Swift builds of the programs that stand beside
/// this test. One at a time: each needs the machine for some seconds.
@Suite(.serialized, .ownThreads, .timeLimit(.minutes(30))) struct RunTests {
  @Test func aRunVerifiesBatchesLeavesNothingRunningAndIsContinued() throws {
    let folder = try TemporaryFolder()
    let first = try Run(folder, ["--boards", "1", "--seconds", "8"])
    #expect(first.status == 0, "\(first.words)")
    let end = try #require(first.event("end"), "\(first.words)")
    #expect(try #require(end["verified"]?.unsigned) >= 1)
    #expect(end["refused"]?.unsigned == 0)
    #expect(try #require(end["readings"]?.unsigned) >= 1)
    #expect(first.boots == [1])
    #expect(first.event("export") != nil)
    #expect(try folder.processes() == [])
    // The gateway took the node by its owner's invite, and the operator's tool knows the same device.
    let enrolment = try #require(first.event("device"))
    #expect(enrolment["new"]?.isTrue == true)
    let owners = try String(contentsOfFile: folder.run + "/owner/owners", encoding: .utf8)
    #expect(try owners.hasPrefix(#require(enrolment["owner"]?.string)))
    let status = try folder.status()
    #expect(try status["identity"]?["sha256"]?.string == #require(enrolment["device"]?.string))
    #expect(
      try status["log"]?["lastBatch"]?["root"]?.string == #require(
        first.events("batch").last?["root"]?.string))
    #expect(status["configurationProblems"]?.unsigned == 0)

    let second = try Run(folder, ["--boards", "1", "--seconds", "5"])
    #expect(second.status == 0, "\(second.words)")
    #expect(second.event("run")?["continued"]?.isTrue == true)
    #expect(second.boots.isSubset(of: [1, 2]) && second.boots.contains(2), "\(second.words)")
    let lastOfFirst = try #require(first.events("batch").last?["size"]?.unsigned)
    let firstOfSecond = try #require(second.events("batch").first?["first"]?.unsigned)
    #expect(firstOfSecond == lastOfFirst)
    #expect(second.events("device").allSatisfy { $0["new"]?.isTrue == false })
    #expect(try folder.processes() == [])
  }

  @Test func aChipThatFailsIsAFaultAndTheRestIsStillVerified() throws {
    let folder = try TemporaryFolder()
    let run = try Run(
      folder, ["--boards", "1", "--seconds", "8", "--fault", "sht3x:no-acknowledge@2s"])
    #expect(run.status == 0, "\(run.words)")
    let faults = run.events("batch").flatMap { $0["faults"]?.elements ?? [] }
    #expect(
      faults.contains {
        $0["chip"]?.string == "SHT3x" && $0["fault"]?.string == "not-acknowledged"
      }, "\(run.words)")
    #expect(run.event("end")?["refused"]?.unsigned == 0)
    #expect(try folder.processes() == [])
  }

  @Test func whatAPersonSeesHasTheVerdictAndNoColoursInAPipe() throws {
    let folder = try TemporaryFolder()
    let run = try Run(folder, ["--boards", "1", "--seconds", "8"], isJSON: false)
    #expect(run.status == 0, "\(run.words)")
    #expect(run.words.contains("✔ verified: signature, "), "\(run.words)")
    #expect(run.words.contains("as observed 2013-01-01 "), "\(run.words)")
    #expect(!run.words.contains("no such observation"), "\(run.words)")
    #expect(!run.words.contains("\u{1b}"))
    // A command stands on one line, so that it can be copied.
    for line in run.words.split(separator: "\n") where !line.contains("verify_export.py") {
      #expect(line.count <= 100, "\(line)")
    }
  }

  /// As long as it takes: a beacon needs a challenge, the next one, its window and the reveal behind it.
  @Test func threeBoardsHearEachOthersBeaconsAndTheGatewayFindsThemSound() throws {
    let folder = try TemporaryFolder()
    let run = try Started(folder, [])
    var events: [DemoJSON] = []
    for line in run.lines() {
      events.append(try DemoJSON(line))
      let counted = events.last.map { event in
        event["event"]?.string == "verdict" && event["outcome"]?.string == "sound"
          && (event["witnesses"]?.elements ?? []).contains { $0["counts"]?.isTrue == true }
      }
      if counted == true { break }
    }
    run.askToEnd()
    let rest = try run.rest()
    events += try rest.words.split(separator: "\n").map { try DemoJSON(String($0)) }
    let end = try #require(events.last { $0["event"]?.string == "end" }, "\(rest.words)")
    #expect(rest.status == 0, "\(rest.words)")
    #expect(end["refused"]?.unsigned == 0 && end["boards"]?.unsigned == 3)
    #expect(try #require(end["beaconsSound"]?.unsigned) >= 1)
    let devices = Set(
      events.compactMap { event in
        event["event"]?.string == "batch" ? event["device"]?.string : nil
      })
    #expect(devices.count == 3)
    // What is on the air is told with who heard it; nothing of it is more than the gateway knows.
    let air = events.filter { $0["event"]?.string == "air" }
    let heard = air.flatMap { $0["receivers"]?.elements ?? [] }
      .filter { $0["fate"]?.string == "heard" }
    #expect(UInt64(heard.count) == end["beaconReceptions"]?.unsigned)
    #expect(UInt64(air.count) == end["beaconsSent"]?.unsigned)
    // Figures of a witness are those that its radio was given by the air.
    let sound = try #require(
      events.first {
        $0["event"]?.string == "verdict" && $0["outcome"]?.string == "sound"
          && $0["witnesses"]?.elements.isEmpty == false
      })
    for witness in sound["witnesses"]?.elements ?? [] {
      let rssi = try #require(witness["rssiCentidBm"]?.integer)
      #expect(
        heard.contains {
          $0["rssiCentidBm"]?.integer == rssi && $0["name"] == witness["node"]
            && $0["metres"]?.integer.map { metres in
              abs(metres - (witness["metres"]?.integer ?? 0)) <= 60
            } == true
        }, "\(sound.line)")
    }
    #expect(try folder.processes() == [])
  }

  @Test func aMissingProgramIsNamedWithWhatToDo() throws {
    let folder = try TemporaryFolder()
    let run = try Run(
      folder, ["--seconds", "8", "--gateway-program", folder.path + "/no-such-gateway"])
    #expect(run.status == 69)
    let reason = try #require(run.event("failed")?["reason"]?.string)
    #expect(reason.contains(folder.path + "/no-such-gateway"))
    #expect(reason.contains("--gateway-program"))
    #expect(run.event("end") == nil)
    #expect(try folder.processes() == [])
  }

  @Test func aProgramThatEndsEarlyIsShownWithItsLastWords() throws {
    let folder = try TemporaryFolder()
    let script = folder.path + "/gateway.sh"
    try "#!/bin/sh\necho no disk today >&2\nexit 73\n".write(
      toFile: script, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
    let run = try Run(folder, ["--gateway-program", script])
    #expect(run.status == 1)
    let failed = try #require(run.event("failed"))
    #expect(failed["reason"]?.string?.contains("status 73") == true)
    #expect(failed["tail"]?.elements == [.text("no disk today")])
  }

  @Test func aFolderOfSomebodyElseIsLeftAlone() throws {
    let folder = try TemporaryFolder()
    let own = folder.run + "/state/mine"
    try FileManager.default.createDirectory(
      atPath: folder.run + "/state", withIntermediateDirectories: true)
    try "mine".write(toFile: own, atomically: true, encoding: .utf8)
    let run = try Run(folder, ["--fresh", "--seconds", "5"])
    #expect(run.status == 69)
    #expect(try String(contentsOfFile: own, encoding: .utf8) == "mine")
  }

  @Test func aSecondRunInOneFolderIsRefused() throws {
    let folder = try TemporaryFolder()
    let first = try Started(folder, ["--boards", "1", "--seconds", "20"])
    // Its first line is written when it holds the folder.
    _ = try #require(first.line())
    let second = try Run(folder, ["--boards", "1", "--seconds", "5"])
    #expect(second.status == 69)
    #expect(
      second.event("failed")?["reason"]?.string?.contains("process \(first.identifier)") == true,
      "\(second.words)")
    first.kill()
    // All of the first died with it, so the folder is free.
    #expect(try folder.processesAfterAKill() == [])
  }
}

/// A short path: sockets stand below it.
private struct TemporaryFolder: ~Copyable {
  let path: String
  var run: String { path + "/r" }

  init() throws {
    path = "/tmp/cairn-run-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    do { try FileManager.default.removeItem(atPath: path) } catch {
      Issue.record("\(path) can't be removed: \(error)")
    }
  }

  /// What `cairn status` says of the node.
  func status() throws -> DemoJSON {
    let answer = try WorldProgram.run(
      "cairn",
      [
        "status", "--json", "--state", run + "/north/state", "--run", run + "/north/run",
        "--config", run + "/north/run/site.ini",
      ])
    return try DemoJSON(answer.output.trimmingCharacters(in: .newlines))
  }

  /// Command lines of processes that name this folder.
  func processes() throws -> [String] {
    let wanted = Array(path.utf8)
    return try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
      guard Int32(name) != nil, let file = fopen("/proc/\(name)/cmdline", "r") else { return nil }
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 4096)
      bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
      guard bytes.firstRange(of: wanted) != nil else { return nil }
      return String(decoding: bytes.map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
    }
  }

  /// The same, once the kernel has done what a death asks for: it signals the children, which die when they
  /// are scheduled next. Looks again a bounded number of times.
  func processesAfterAKill() throws -> [String] {
    for _ in 0..<60_000 {
      if try processes().isEmpty { return [] }
      usleep(1000)
    }
    return try processes()
  }
}

private enum Programs {
  struct Missing: Error, CustomStringConvertible {
    let path: String
    var description: String { "\(path) is missing: run `swift build` first" }
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Where `swift build` has put this test and, beside it, the programs.
  static func folder() throws -> String {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let candidates = [own, CommandLine.arguments[0], Bundle.main.bundlePath].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().path
    }
    let names = ["cairn-simulate", "cairn-gateway", "cairn-agent", "cairn-uplink-https", "cairn"]
    let folder =
      candidates.first { FileManager.default.fileExists(atPath: $0 + "/" + names[0]) }
      ?? root.path + "/.build/debug"
    for name in names where !FileManager.default.isExecutableFile(atPath: folder + "/" + name) {
      throw Missing(path: folder + "/" + name)
    }
    return folder
  }
}

/// A run that goes on.
private final class Started {
  private let process = Process()
  private let output = Pipe()
  private var partial = Data()

  var identifier: Int32 { process.processIdentifier }

  init(_ folder: borrowing TemporaryFolder, _ arguments: [String], isJSON: Bool = true) throws {
    let programs = try Programs.folder()
    process.executableURL = URL(fileURLWithPath: programs + "/cairn-simulate")
    process.currentDirectoryURL = Programs.root
    process.arguments =
      ["run", "--folder", folder.run, "--programs", programs] + (isJSON ? ["--json"] : [])
      + arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  /// What comes first.
  func line() -> Data? {
    let data = output.fileHandleForReading.availableData
    return data.isEmpty ? nil : data
  }

  /// Whole lines as they come, until its end. What came with a line behind it is given by `rest`.
  func lines() -> AnyIterator<String> {
    AnyIterator { [self] in
      while true {
        if let end = partial.firstIndex(of: 0x0a) {
          defer { partial.removeSubrange(...end) }
          return String(decoding: partial[..<end], as: UTF8.self)
        }
        guard let more = line() else { return nil }
        partial.append(more)
      }
    }
  }

  func askToEnd() { process.terminate() }

  /// Everything until its end.
  func rest() throws -> (status: Int32, words: String) {
    let data = partial + (try output.fileHandleForReading.readToEnd() ?? Data())
    partial = Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// In a way that it can't answer.
  func kill() {
    _ = Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }
}

/// A run from start to end.
private struct Run {
  let status: Int32
  let words: String
  private let lines: [DemoJSON]

  init(_ folder: borrowing TemporaryFolder, _ arguments: [String], isJSON: Bool = true) throws {
    (status, words) = try Started(folder, arguments, isJSON: isJSON).rest()
    lines =
      isJSON
      ? try words.split(separator: "\n").map { try DemoJSON(String($0)) } : []
  }

  func events(_ name: String) -> [DemoJSON] { lines.filter { $0["event"]?.string == name } }

  func event(_ name: String) -> DemoJSON? { events(name).first }

  var boots: Set<UInt64> { Set(events("batch").compactMap { $0["boot"]?.unsigned }) }
}
