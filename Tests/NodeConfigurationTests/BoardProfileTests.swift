import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

private func profile(
  _ text: String, run: StaticString = "/run/cairn", _ problems: inout ProblemList
) -> BoardProfile {
  BoardProfile(parsing: Array(text.utf8).span, runFolder: FixedText(run), problems: &problems)
}

// The macros of Testing can't call a method of a noncopyable value.
private func bus(_ board: borrowing BoardProfile, _ name: StaticString) -> BoardProfile.I2CBus? {
  board.bus(named: Name(name))
}

private func serialLine(_ board: borrowing BoardProfile, _ name: StaticString)
  -> BoardProfile.SerialLine?
{
  board.serialLine(named: Name(name))
}

private func matches(_ board: borrowing BoardProfile, _ tree: String) -> Bool {
  board.matches(deviceTree: Array(tree.utf8).span)
}

@Suite struct BoardProfileTests {
  @Test func everyShippedProfileIsReadWithoutAProblem() throws {
    let folder = repository.appendingPathComponent("Boards")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".ini") }
    #expect(files.count >= 3)
    for file in files {
      var problems = ProblemList()
      let board = profile(try shipped("Boards/\(file)"), &problems)
      #expect(list(problems) == [], "\(file)")
      #expect(board.name.string + ".ini" == file)
      #expect(board.buses.isEmpty == false)
    }
  }

  @Test func aVirtualPathStandsBehindTheRunFolder() throws {
    var problems = ProblemList()
    let board = profile(try shipped("Boards/virtual.ini"), run: "/tmp/a", &problems)
    let i2c = bus(board, "i2c-1")
    #expect(i2c?.place == .virtual && i2c?.path.string == "/tmp/a/i2c-1.sock")
    #expect(i2c?.timeoutMilliseconds == 100)
    let line = serialLine(board, "gnss")
    #expect(line?.place == .virtual && line?.path.string == "/tmp/a/gnss.tty")
    #expect(line?.baud == 9600)
    #expect(bus(board, "gnss") == nil && serialLine(board, "i2c-1") == nil)
  }

  @Test func anAbsoluteVirtualPathStaysAsItIs() {
    var problems = ProblemList()
    let board = profile(smallestBoard + "[i2c.a]\nvirtual = /x/y.sock\n", &problems)
    #expect(bus(board, "a")?.path.string == "/x/y.sock")
  }

  @Test func aSocketPathOfExactly107BytesIsTakenAndALongerOneRefused() {
    let fitting = String(repeating: "a", count: 107 - "/run/cairn/".count)
    #expect(boardRefusals(smallestBoard + "[i2c.a]\nvirtual = \(fitting)\n") == [])
    let found = boardRefusals(smallestBoard + "[i2c.a]\nvirtual = \(fitting)a\n")
    #expect(found.map(\.reason) == [.outOfRange] && found.first?.line == 4)
    let farOut = String(repeating: "a", count: 184)
    #expect(
      boardRefusals(smallestBoard + "[i2c.a]\nvirtual = \(farOut)\n").map(\.reason)
        == [.outOfRange])
  }

  @Test func aBusHasExactlyOnePlace() {
    let none = boardRefusals(smallestBoard + "[i2c.a]\ntimeout = 1 s\n")
    #expect(none.map(\.reason) == [.missingKey] && none.first?.line == 3)
    let both = boardRefusals(smallestBoard + "[serial.a]\ndevice = /dev/x\nvirtual = y\n")
    #expect(both.map(\.reason) == [.contradiction] && both.first?.line == 5)
    let relative = boardRefusals(smallestBoard + "[i2c.a]\ndevice = i2c-1\n")
    #expect(relative.map(\.reason) == [.wrongValue] && relative.first?.line == 4)
  }

  @Test func everyBaudRateIsTheNumberThatIsWritten() {
    for index in 0..<Choice.baudRate.wordCount {
      let word = Choice.baudRate.word(index).string
      var problems = ProblemList()
      let board = profile(
        smallestBoard + "[serial.a]\ndevice = /dev/x\nbaud = \(word)\n", &problems)
      #expect(serialLine(board, "a")?.baud == UInt32(word))
    }
  }

  @Test func aProfileMatchesOnlyItsOwnDeviceTree() throws {
    var problems = ProblemList()
    let board = profile(try shipped("Boards/raspberry-pi-4.ini"), &problems)
    let pi4 = "raspberrypi,4-model-b\0brcm,bcm2711\0"
    #expect(matches(board, pi4) == true)
    #expect(matches(board, "x\0raspberrypi,400\0") == true)
    for other in ["raspberrypi,3-model-b\0brcm,bcm2837\0", "", "\0", "raspberrypi,4\0", "400\0"] {
      #expect(matches(board, other) == false, "\(other)")
    }
    let generic = profile(try shipped("Boards/generic.ini"), &problems)
    #expect(matches(generic, pi4) == false)
  }

  @Test func aSensorOnAMissingBusIsRefusedWithTheNearestName() {
    var problems = ProblemList()
    let site = SiteConfiguration(
      parsing: Array(
        (smallestSite + "[sensor.a]\nchip = bme280\nbus = i2c-2\n[gnss]\nport = i2c-1\n").utf8
      ).span, problems: &problems)
    let board = profile(
      smallestBoard
        + "[i2c.i2c-1]\ndevice = /dev/i2c-1\n[i2c.hat]\ndevice = /dev/i2c-3\n", &problems)
    #expect(problems.isUsable == true)
    site.check(against: board, problems: &problems)
    let found = list(problems).filter { $0.severity == .refusal }
    #expect(found.map(\.reason) == [.missingBus, .missingBus] && found.map(\.line) == [5, 7])
    #expect(
      found.map(\.message) == [
        "bus: \"i2c-2\" is missing in the profile of board test. Nearest: i2c-1; all: i2c-1 hat",
        "port: \"i2c-1\" is an I2C bus; a serial line is needed. It has no serial line",
      ])
  }

  @Test func aSiteFitsABoardThatHasItsBuses() throws {
    var problems = ProblemList()
    let site = SiteConfiguration(
      parsing: Array(try shipped("docs/site.ini.sample").utf8).span, problems: &problems)
    for file in ["virtual", "raspberry-pi-4", "generic"] {
      let board = profile(try shipped("Boards/\(file).ini"), &problems)
      site.check(against: board, problems: &problems)
    }
    #expect(problems.isUsable == true, "\(list(problems))")
  }
}
