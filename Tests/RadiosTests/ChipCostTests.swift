import FixedMemory
import LoRa
import Simulation
import Testing

@testable import Radios

/// What a frame costs on the bus: the numbers of docs/radios.md.
@Suite struct ChipCostTests {
  /// Transfers and bytes of all of them.
  private func cost(_ bench: ChipBench, _ body: () throws -> Void) rethrows -> (Int, Int) {
    let before = bench.model.transfers.count
    try body()
    let transfers = bench.model.transfers.dropFirst(before)
    return (transfers.count, transfers.map(\.count).reduce(0, +))
  }

  @Test(arguments: Chip.allCases, [1, 24, 255])
  func aFrameIsFetchedWithSoManyTransfersAndBytes(chip: Chip, byteCount: Int) throws {
    let bench = try ChipBench.listening(chip)
    let frame = (0..<byteCount).map { UInt8($0 & 0xff) }
    let (transfers, bytes) = cost(bench) {
      bench.model.deliver(frame, AirFigures(rssi: -9_000, snr: 100), now: bench.now)
      bench.turn(milliseconds: 50)
    }
    #expect(bench.frames.map(\.array) == [frame])
    #expect(transfers == (chip.isSX126x ? 7 : 5))
    #expect(bytes == byteCount + (chip.isSX126x ? 31 : 23))
  }

  @Test(arguments: Chip.allCases)
  func asLongAsNothingComesTheBusIsUsedOnceASecond(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    bench.turn(milliseconds: 500)
    let (transfers, bytes) = cost(bench) { bench.turn(milliseconds: 60_000) }
    #expect(transfers == 60 * 4)
    #expect(bytes == 60 * (chip.isSX126x ? 13 : 10))
  }

  @Test(arguments: Chip.allCases)
  func aBeaconIsSentWithSoManyTransfersAndBytes(chip: Chip) throws {
    let bench = try ChipBench.listening(chip)
    let sent = try cost(bench) { try bench.transmit(chipFrame) }
    #expect(bench.model.transmitted.count == 1)
    // 206 ms on the air at SF9, and asked every 20 ms whether that is over.
    let asked = 11
    #expect(sent == (chip.isSX126x ? (14 + asked, 76 + 4 * asked) : (16 + asked, 55 + 2 * asked)))
  }
}
