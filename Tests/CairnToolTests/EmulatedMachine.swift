import FixedMemory
import Foundation
import LinuxPlatform
import NodeConfiguration

@testable import cairn

/// A /dev, /proc and /sys of a test's own. Devices are links to /dev/null, which is one.
final class EmulatedMachine {
  struct Row: Equatable, CustomStringConvertible {
    let subject: String
    let state: CheckRow.State
    let reason: String
    let remedy: String
    var description: String { "\(state) \(subject): \(reason) -> \(remedy)" }
  }

  let folder = URL(filePath: "/tmp/cairn-m-\(UUID().uuidString.prefix(8))")
  var gpio = EmulatedGPIO()

  init(tree: String? = nil) throws {
    for name in ["dev", "proc/device-tree", "sys/bus/i2c/devices", "run/cairn"] {
      try FileManager.default.createDirectory(
        at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    if let tree { try write(tree, to: "proc/device-tree/compatible") }
  }

  deinit {
    // What stays behind in /tmp is no failure of what was tested.
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  func addDevice(_ name: String, leadingTo target: String = "/dev/null") throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.appending(path: name).path, withDestinationPath: target)
  }

  func addChip(_ name: String, label: String, lineCount: UInt32) throws {
    try addDevice("dev/\(name)")
    gpio.chips[name] = .success(
      GPIOChipInformation(label: Self.text(label), lineCount: lineCount))
  }

  static func text<let capacity: Int>(_ text: String) -> FixedText<capacity> {
    var fixed = FixedText<capacity>()
    fixed.write(Array(text.utf8).span)
    return fixed
  }

  struct Result {
    let rows: [Row]
    let status: Int32
    let isOfAnotherBoard: Bool

    func row(_ subject: String) -> Row? { rows.first { $0.subject == subject } }
  }

  /// Compares a profile with this machine.
  func check(_ profile: String, site: String = "") throws -> Result {
    var problems = ProblemList()
    let board = BoardProfile(
      parsing: Array(profile.utf8).span, runFolder: FixedText("/run/cairn"), problems: &problems)
    let configuration = SiteConfiguration(parsing: Array(site.utf8).span, problems: &problems)
    let usage = site.isEmpty ? BoardUsage() : BoardUsage(configuration)
    let root = FixedPath(Array(folder.path.utf8).span)
    let check = BoardCheck(board, usage: usage, machine: BoardMachine(root: root, gpio: gpio))
    let list = check.list.rows
    let rows = list.indices.map { index in
      let row = list[index]
      return Row(
        subject: string(row.subject), state: row.state, reason: string(row.reason),
        remedy: string(row.remedy))
    }
    return Result(
      rows: rows, status: check.exitStatus.rawValue, isOfAnotherBoard: check.isOfAnotherBoard)
  }

  private func string<let capacity: Int>(_ text: FixedText<capacity>) -> String {
    text.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }
}

/// What a kernel would say of its GPIO chips.
struct EmulatedGPIO: GPIOInformationSource {
  var chips: [String: Result<GPIOChipInformation, SystemError>] = [:]
  /// By chip and line: who holds it.
  var holders: [String: String] = [:]

  func chip(at path: FixedPath) throws(SystemError) -> GPIOChipInformation {
    guard let chip = chips[name(path)] else { throw SystemError(errno: 25) }
    return try chip.get()
  }

  func line(_ offset: UInt32, at path: FixedPath) throws(SystemError) -> GPIOLineInformation {
    let holder = holders["\(name(path)) \(offset)"]
    if holder == "refused" { throw SystemError(errno: 5) }
    return GPIOLineInformation(
      name: FixedText(), consumer: EmulatedMachine.text(holder ?? ""), isUsed: holder != nil,
      isOutput: false)
  }

  private func name(_ path: FixedPath) -> String {
    let path = path.span.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    return URL(filePath: path).lastPathComponent
  }
}
