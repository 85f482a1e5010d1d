import ArgumentParser
import Foundation
import LinuxPlatform
import Simulation

/// `cairn-simulate gnss`: a recorded satellite receiver on a serial line.
struct GNSSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gnss",
    abstract: "Plays a recorded satellite receiver on a pseudo-terminal until it is ended.",
    discussion: """
      The recording is a file of NMEA 0183 sentences, as in Data/gnss. It is played again from its start \
      when it is over, with the times that were recorded.
      """)

  @Option(help: "File of NMEA sentences.", completion: .file())
  var recording: String

  @Option(help: "Where the line appears: a symbolic link, removed at the end.")
  var path: String

  @Option(help: "How many times faster than recorded.")
  var speed: Double = 1

  func validate() throws {
    guard speed > 0, speed <= 1000 else {
      throw ValidationError("--speed is more than 0 and at most 1000.")
    }
  }

  func run() throws {
    // First, so that a signal never leaves the link behind.
    let signals = try TerminationSignals()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: recording)))
    var replay = try GNSSReplay(recording: GNSSRecording(bytes), path: path)
    try replay.run(speed: speed, until: signals)
  }
}
