import Buses
import Simulation
import StickSupport
import Testing
import USBBridges

private func exchange(_ stick: inout Stick, select: UInt8, _ bytes: [UInt8])
  throws(BridgeFailure) -> [UInt8]
{
  var bytes = bytes
  var span = bytes.mutableSpan
  try stick.exchange(select: select, &span, deadline: 100, now: { 0 })
  return bytes
}

@Suite struct SPITests {
  @Test func everyLengthComesBackAndTheSelectIsLowOnlyMeanwhile() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    for count in 1...100 {
      bench.change { ($0.spiBytes, $0.lastSPIByte, $0.spiSelects) = ([], 0xa5, []) }
      let sent = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) }
      #expect(try exchange(&stick, select: 0, sent) == [0xa5] + sent.dropLast())
      #expect(bench.look { $0.spiBytes } == sent)
      #expect(bench.look { $0.spiSelects } == [0])
      #expect(bench.look { $0.levels & 1 } == 1)
    }
    #expect(bench.look { $0.violations } == [])
  }

  @Test(arguments: [UInt8(0), 1, 2])
  func onlyTheChosenChipIsSelected(select: UInt8) throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    _ = try exchange(&stick, select: select, [1, 2, 3])
    #expect(bench.look { $0.spiSelects } == [select])
    // Pins of others stay as they were: inputs.
    #expect(bench.look { $0.directions } == 0x28 | 1 << select)
  }

  @Test func thereAreThreeSelects() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    #expect(throws: BridgeFailure.unsupported) { _ = try exchange(&stick, select: 3, [1]) }
    #expect(bench.look { $0.spiBytes } == [])
  }

  @Test(arguments: StickFault.allCases)
  func aFaultAtAnyTransferIsAnErrorAndTheChipIsLetGo(kind: StickFault) throws {
    var index = 0
    while true {
      let bench = StickBench()
      var stick = try openStick(bench)
      bench.change { $0.fault = (index, kind) }
      var hasFailed = false
      do throws(BridgeFailure) {
        _ = try exchange(&stick, select: 1, [UInt8](repeating: 5, count: 70))
      } catch { hasFailed = true }
      guard bench.look({ $0.hasFaulted }) else { break }
      #expect(hasFailed, "\(kind) at transfer \(index) passed for a success")
      if kind == .disconnect {
        bench.plug(true)
        try stick.open(now: { 0 })
      }
      bench.change { ($0.spiBytes, $0.lastSPIByte) = ([], 0x11) }
      #expect(try exchange(&stick, select: 1, [8, 9]) == [0x11, 8])
      #expect(bench.look { $0.levels & 2 } == 2)
      #expect(bench.look { $0.violations } == [])
      index += 1
    }
    #expect(index > 5)
  }

  @Test func pinsAreReadAndSet() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    bench.change { $0.inputs = 0b0000_0100_0101_0000 }
    let seen = try stick.pins(changed: 0, outputs: 0, levels: 0, deadline: 100, now: { 0 })
    #expect(seen == 0b0000_0100_0101_0000)
    // Reset (D2) low, as an output; D4 (busy) stays an input.
    let low = try stick.pins(changed: 4, outputs: 4, levels: 0, deadline: 100, now: { 0 })
    #expect(low & 4 == 0 && bench.look { $0.directions } == 4)
    let high = try stick.pins(changed: 4, outputs: 4, levels: 4, deadline: 100, now: { 0 })
    #expect(high & 4 == 4 && high & 16 == 16)
    _ = try stick.pins(changed: 4, outputs: 0, levels: 0, deadline: 100, now: { 0 })
    #expect(bench.look { $0.directions } == 0)
    #expect(bench.look { $0.violations } == [])
  }

  @Test func thePinsOfTheBusCantBeChanged() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    for pin in [UInt8(0x08), 0x20, 0x40, 0x80] {
      #expect(throws: BridgeFailure.unsupported) {
        _ = try stick.pins(changed: pin, outputs: pin, levels: 0, deadline: 100, now: { 0 })
      }
    }
    #expect(bench.look { $0.directions } == 0)
  }

  @Test func aPinKeepsItsLevelWhileTheBusIsUsed() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    _ = try stick.pins(changed: 4, outputs: 4, levels: 4, deadline: 100, now: { 0 })
    _ = try exchange(&stick, select: 0, [1])
    #expect(bench.look { $0.levels & $0.directions & 4 } == 4)
  }
}
