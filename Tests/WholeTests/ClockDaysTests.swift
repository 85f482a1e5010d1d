import Foundation
import Simulation
import TestSupport
import Testing

/// docs/operating.md, "A wrong clock".
@Suite(.ownThreads, .timeLimit(.minutes(30))) struct ClockDaysTests {
  /// Far east and far west of Greenwich: in either the local time is another day than UTC's for half of the day.
  @Test func aWrongTimeZoneChangesNothingThatIsSignedOrShown() throws {
    let world = try World()
    for (zone, serial) in [("TZX-14", "one"), ("TZY+12", "two")] {
      let node = try world.node(serial: serial)
      node.environment = ["TZ": zone]
      try node.start()
      try world.awaitBatches(2, of: node)
      // The gateway's receipt has its day, and whatever the log says of UTC is told as UTC.
      let shown = try WorldProgram.run(
        "cairn", ["status"] + node.options, environment: ["TZ": zone])
      let plain = try WorldProgram.run(
        "cairn", ["status"] + node.options, environment: ["TZ": "UTC0"])
      #expect(shown.status == 0 && plain.status == 0)
      #expect(!Self.days(plain.output).isEmpty, "\(plain.output)")
      #expect(Self.days(shown.output) == Self.days(plain.output))
      try node.stop()
    }
  }

  /// Each day of a calendar that stands in a text.
  private static func days(_ text: String) -> Set<String> {
    Set(text.matches(of: /20\d\d-\d\d-\d\d/).map { String($0.output) })
  }
}
