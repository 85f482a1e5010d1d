import Foundation
import LinuxPlatform
import Simulation
import Testing

/// The tool against a module that is a model, behind a pseudo-terminal.
private func run(
  _ words: [String], _ model: SerialModuleModel, frame: [UInt8]? = nil
) throws -> (status: Int32, output: String, errors: String) {
  let path = NSTemporaryDirectory() + "cairn-module-\(UUID().uuidString.prefix(8))"
  var end = try ModuleTerminal(model: model, path: path)
  let (output, errors) = (Pipe(), Pipe())
  let process = Process()
  process.executableURL = Tool.url
  process.arguments = words.map { $0 == "DEVICE" ? path : $0 }
  process.standardOutput = output
  process.standardError = errors
  try Tool.spawning.withLock { try process.run() }
  defer { if process.isRunning { process.terminate() } }
  let clock = SystemClock()
  var isHeard = false
  for _ in 0..<60_000 where process.isRunning {
    try end.turn(now: clock.bootMilliseconds())
    if let frame, !isHeard, model.isReceiving {
      isHeard = model.deliver(
        frame, AirFigures(rssi: -10_100, snr: -300), now: clock.bootMilliseconds())
    }
    usleep(1000)
  }
  try #require(!process.isRunning)
  func text(_ pipe: Pipe) -> String {
    String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }
  return (process.terminationStatus, text(output), text(errors))
}

@Test func radioShowNamesTheModuleAndWhatItCanDo() throws {
  let found = try run(["radio", "show", "DEVICE"], RAK3172Model())
  #expect(found.status == 0, "\(found.errors)")
  #expect(found.output.contains("RAK3172, firmware RUI_4.0.6_RAK3172-E, at 115200 baud"))
  #expect(found.output.contains("SF5 to SF12") && found.output.contains("5.00 to 22.00 dBm"))
}

@Test func radioListenShowsFramesWithTheirFigures() throws {
  let found = try run(
    [
      "radio", "listen", "DEVICE", "--baud", "9600", "--frequency", "868300000", "--factor", "9",
      "--seconds", "3", "--json",
    ], LoRaE5Model(), frame: [0xe0, 1, 2, 3])
  #expect(found.status == 0, "\(found.errors)")
  let document = try #require(
    JSONSerialization.jsonObject(with: Data(found.output.utf8)) as? [String: Any])
  #expect(document["radio"] as? String == "LoRa-E5" && document["received"] as? Int == 1)
  let frames = try #require(document["frames"] as? [[String: Any]])
  #expect(frames.count == 1 && frames.first?["bytes"] as? String == "e0010203")
  #expect(frames.first?["rssi"] as? Int == -10_100 && frames.first?["snr"] as? Int == -300)
}

@Test func aLineThatIsNotThereIsSaidToBeMissing() throws {
  let model = RAK3172Model()
  let found = try run(["radio", "show", "/dev/none-such", "--baud", "9600"], model)
  #expect(found.status == 69 && found.errors.contains("there is no such line"))
  let silent = RN2483Model()
  silent.fault = .silent
  let nobody = try run(["radio", "show", "DEVICE", "--baud", "57600"], silent)
  #expect(nobody.status == 69 && nobody.errors.contains("nothing answers on this line"))
}
