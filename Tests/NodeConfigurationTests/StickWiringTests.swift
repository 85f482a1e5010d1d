import FixedMemory
import Foundation
import Testing

@testable import NodeConfiguration

/// A board with a stick, and what a test appends.
private let stick =
  smallestBoard + """
    [spi.stick]
    usb = usb.sock
    [spi.one]
    usb = usb.sock
    select = 1
    timeout = 1 s
    [spi.s]
    device = /dev/spidev0.0

    """

private func refusals(_ more: String) -> [String] {
  let firstLine = stick.split(separator: "\n", omittingEmptySubsequences: false).count
  return boardRefusals(stick + more).map { "\($0.line - firstLine + 1) \($0.reason)" }
}

private func radio(_ more: String, chip: String = "sx1262", spi: String = "stick") -> String {
  "[lora.x]\nchip = \(chip)\nspi = \(spi)\n" + more
}

@Suite struct StickWiringTests {
  @Test func aStickAndItsPinsAreReadAsTheyAreWritten() {
    var problems = ProblemList()
    let text = stick + radio("reset = d2\nbusy = d4\ninterrupt = d6\nreceive = d1")
    let board = BoardProfile(
      parsing: Array(text.utf8).span, runFolder: FixedText("/run/cairn"), problems: &problems)
    #expect(list(problems) == [])
    let first = board.spiBus(named: Name("stick"))
    #expect(first?.place == .usb && first?.select == 0 && first?.timeoutMilliseconds == 250)
    #expect(first?.path.string == "/run/cairn/usb.sock")
    let second = board.spiBus(named: Name("one"))
    #expect(second?.select == 1 && second?.timeoutMilliseconds == 1_000)
    let wiring = board.loRaWiring(named: Name("x"))
    #expect(wiring?.receive == Name("d1") && wiring?.reset == Name("d2"))
  }

  @Test func aPinHasOneSpelling() {
    for number: UInt8 in 0..<16 {
      let bytes = Array("d\(number)".utf8)
      #expect(Name(bytes.span).flatMap { BoardProfile.stickPin($0) } == number)
    }
    for text in ["", "d", "d16", "d00", "d01", "d010", "D2", "2", "e2", "d-1", "d2 ", "d99", "dd"] {
      let bytes = Array(text.utf8)
      #expect(Name(bytes.span).flatMap { BoardProfile.stickPin($0) } == nil, "\(text)")
    }
  }

  private static let mistakes: [(String, [String])] = [
    (radio("busy = d4"), []),
    (radio("busy = d10\ninterrupt = d15\nreset = d4"), []),
    (radio("reset = d0\nbusy = d4", spi: "one"), []),
    // The chip select's own, and those of clock and data.
    (radio("reset = d0\nbusy = d4"), ["4 wrongValue"]),
    (radio("reset = d1\nbusy = d4", spi: "one"), ["4 wrongValue"]),
    (radio("busy = d3"), ["4 wrongValue"]),
    (radio("busy = d4\ninterrupt = d5"), ["5 wrongValue"]),
    (radio("busy = d7"), ["4 wrongValue"]),
    // What can't be an output.
    (radio("reset = d6\nbusy = d4"), ["4 wrongValue"]),
    (radio("reset = d10\nbusy = d4"), ["4 wrongValue"]),
    (radio("receive = d8\nbusy = d4"), ["4 wrongValue"]),
    (radio("reset = gpio17\nbusy = d4"), ["4 wrongValue"]),
    (radio("reset = d2\nbusy = d2"), ["1 contradiction"]),
    (radio("reset = d2\nbusy = d4\nreceive = d2"), ["1 contradiction"]),
    (radio("reset = d2"), ["1 missingKey"]),
    (radio("reset = d2", chip: "sx1276"), []),
    (radio("reset = d2\nreceive = d1", chip: "sx1276"), ["5 contradiction"]),
    (radio("reset = d2", chip: "sx1302"), ["3 contradiction"]),
    // A radio of the board's own SPI has lines of the board.
    (radio("busy = d4", spi: "s"), ["4 missingBus"]),
    (
      "[gpio.a]\nchip = c\nline = 1\n" + radio("busy = a\nreceive = b", spi: "s"),
      ["8 contradiction"]
    ),
    ("[spi.t]\nusb = u.sock\nselect = 3", ["3 outOfRange"]),
    ("[spi.t]\ndevice = /dev/spidev0.1\nselect = 1", ["3 contradiction"]),
    ("[spi.t]\nusb = u.sock\ntimeout = 10 ms", ["3 outOfRange"]),
  ]

  @Test(arguments: mistakes)
  func aStickThatCannotBeIsRefusedInItsLine(more: String, expected: [String]) {
    #expect(refusals(more) == expected, "\(boardRefusals(stick + more))")
  }

  @Test func whatAPinCanBeIsTold() {
    let found = boardRefusals(stick + radio("reset = d6\nbusy = d4"))
    #expect(
      found.map(\.message) == [
        "reset: \"d6\" is no pin of a stick for this. It can be: d1 d2 d4"
      ])
  }
}
