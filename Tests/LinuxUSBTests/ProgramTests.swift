import FixedMemory
import Foundation
import LinuxPlatform
import LinuxUSB
import Testing
import USBBridges

/// The program beside the tests.
private func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
  let process = Process()
  process.executableURL = try program()
  process.arguments = arguments
  let pipe = Pipe()
  process.standardError = pipe
  process.standardOutput = pipe
  try process.run()
  let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
}

private func program() throws -> URL {
  var folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  for _ in 0..<6 {
    folder.deleteLastPathComponent()
    let candidate = folder.appending(path: "cairn-usb")
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder),
      !isFolder.boolValue
    {
      return candidate
    }
  }
  throw CocoaError(.fileNoSuchFile)
}

@Suite struct ProgramTests {
  @Test func helpAndVersionAreNoErrors() throws {
    let help = try run(["--help"])
    #expect(help.status == 0 && help.output.contains("--device VENDOR:PRODUCT"))
    let version = try run(["--version"])
    #expect(version.status == 0 && version.output == "cairn-usb 0.1.0\n")
  }

  @Test(arguments: [
    (["--device", "nonsense"], "--device: VENDOR:PRODUCT"), (["--device"], "needs a value"),
    (["--name", "../x"], "--name: "), (["--name", ""], "--name: "),
    (["--speed", "99"], "20, 100, 400 or 750"), (["--frobnicate"], "unknown argument"),
    (["--run", String(repeating: "x", count: 81)], "--run: "),
  ])
  func aWrongCommandLineIsRefusedWithItsReason(arguments: [String], reason: String) throws {
    let result = try run(arguments)
    #expect(result.status == 2)
    #expect(result.output.hasPrefix("cairn-usb: ") && result.output.contains(reason))
  }

  @Test func aFolderThatIsNotThereIsRefused() throws {
    let result = try run(["--run", "/nonexistent"])
    #expect(result.status == 77 && result.output == "cairn-usb: --run: no such folder\n")
  }

  /// With USB: the socket is there, and the stick's absence is told. Without: a sentence, and status 69.
  @Test func withoutItsStickItSaysSo() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "cairn-usb-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer {
      do { try FileManager.default.removeItem(at: folder) } catch { print("not removed") }
    }
    let process = Process()
    process.executableURL = try program()
    // Nobody's vendor.
    process.arguments = ["--device", "fffe:fffe", "--run", folder.path]
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
    if line.contains("libusb says") {
      process.waitUntilExit()
      #expect(process.terminationStatus == 69)
      #expect(line.hasPrefix("cairn-usb: USB: libusb says -"))
    } else {
      #expect(line.contains("cairn-usb usb: fffe:fffe: no such stick is plugged in"))
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "usb.sock").path))
      process.terminate()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "usb.sock").path))
    }
  }

  @Test func whatIsPluggedInIsListedOrTheReasonIsNamed() throws {
    let bytes = Array("fffe:fffe".utf8)
    guard let selector = USBSelector(bytes.span) else { throw USBFailure.absent }
    do throws(USBFailure) {
      var usb = try LinuxUSB(selector)
      var devices = FixedArray<16, USBDevice>(filler: USBDevice.none)
      let count = try usb.list(all: true, texts: false, into: &devices)
      #expect(count >= devices.count)
      for index in devices.indices { #expect(!devices[index].port.isEmpty) }
      #expect(throws: USBFailure.absent) { try usb.open() }
    } catch {
      guard case .system = error else {
        Issue.record("\(error)")
        return
      }
    }
  }
}
