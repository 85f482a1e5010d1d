import Buses
import FixedMemory
import Simulation
import StickSupport
import Testing
import USBBridges

typealias Stick = CH341<EmulatedCH341>

/// A stick that is open, with a chip that counts at 0x50.
func openStick(_ bench: StickBench, _ chip: CountingChip = CountingChip()) throws -> Stick {
  bench.attach(chip, at: 0x50)
  var stick = Stick(transport: EmulatedCH341(bench: bench), speed: .kilohertz100)
  try stick.open(now: { 0 })
  bench.change {
    $0.transferCount = 0
    $0.outByteCount = 0
  }
  return stick
}

func transfer(
  _ stick: inout Stick, _ written: [UInt8], read count: Int, address: UInt8 = 0x50
) throws(BridgeFailure) -> [UInt8] {
  var bytes = [UInt8](repeating: 0xee, count: count)
  var span = bytes.mutableSpan
  try stick.transfer(
    address: address, written.span, into: &span, deadline: 100, now: { 0 })
  return bytes
}

func failure(_ stick: inout Stick, _ written: [UInt8], read count: Int) -> BridgeFailure? {
  do throws(BridgeFailure) { _ = try transfer(&stick, written, read: count) } catch {
    return error
  }
  return nil
}

@Suite struct CH341Tests {
  @Test func openingSetsTheSpeed() throws {
    let bench = StickBench()
    _ = try openStick(bench)
    #expect(bench.look { $0.speeds } == [1])
    #expect(bench.look { $0.violations } == [])
  }

  @Test func everyLengthGoesOverWhole() throws {
    let bench = StickBench()
    let chip = CountingChip()
    var stick = try openStick(bench, chip)
    let lengths = [0, 1, 2, 12, 13, 14, 15, 27, 28, 29, 30, 31, 32, 33, 62, 63, 64, 65, 300]
    for writeCount in lengths {
      for readCount in lengths {
        (chip.writes, chip.next) = ([], 7)
        let written = (0..<writeCount).map { UInt8(truncatingIfNeeded: $0 * 3) }
        let read = try transfer(&stick, written, read: readCount)
        #expect(read == (0..<readCount).map { UInt8(truncatingIfNeeded: $0 + 7) })
        #expect(chip.writes == (written.isEmpty ? [] : [written]))
      }
    }
    #expect(bench.look { $0.violations } == [])
  }

  @Test func theLongestTransferOfTheSocketGoesOver() throws {
    let bench = StickBench()
    let chip = CountingChip()
    var stick = try openStick(bench, chip)
    let written = [UInt8](repeating: 0x5a, count: 4000)
    #expect(try transfer(&stick, written, read: 4000).count == 4000)
    #expect(chip.writes == [written])
  }

  @Test func nobodyAtAnAddressIsNoAcknowledge() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    for (written, count) in [([], 0), ([1], 0), ([], 3), ([1], 3)] as [([UInt8], Int)] {
      #expect(throws: BridgeFailure.bus(.notAcknowledged)) {
        _ = try transfer(&stick, written, read: count, address: 0x51)
      }
    }
    #expect(try transfer(&stick, [1], read: 1) == [0])
  }

  /// Address, 40 bytes, address again: none of them may be passed over.
  @Test func aByteThatNobodyAcknowledgesFailsTheTransferWhereverItIs() throws {
    for refused in 0..<42 {
      let bench = StickBench()
      let chip = CountingChip()
      var stick = try openStick(bench, chip)
      bench.change { $0.refusedByte = refused }
      let written = [UInt8](repeating: 9, count: 40)
      #expect(failure(&stick, written, read: 5) == .bus(.notAcknowledged), "byte \(refused)")
      bench.change { $0.refusedByte = nil }
      chip.next = 0
      #expect(try transfer(&stick, [1], read: 2) == [0, 1])
      #expect(bench.look { $0.violations } == [])
    }
  }

  @Test(arguments: [true, false])
  func aHeldLineIsATimeoutAndNeverAReading(letsGo: Bool) throws {
    for (written, count) in [([], 0), ([1], 0), ([], 6), ([1], 40)] as [([UInt8], Int)] {
      let bench = StickBench()
      var stick = try openStick(bench)
      bench.change {
        $0.isSDAHeld = true
        $0.letsGoAfterClocks = letsGo
      }
      // Reading by itself clocks a chip free that only waits for clocks.
      let first = failure(&stick, written, read: count)
      if !(letsGo && count > 0) { #expect(first == .bus(.timedOut)) }
      #expect(failure(&stick, [1], read: 0) == (letsGo ? nil : .bus(.timedOut)))
    }
  }

  @Test func whatIsAskedAfterItsDeadlineIsNotSent() throws {
    let bench = StickBench()
    var stick = try openStick(bench)
    var nothing = MutableSpan<UInt8>()
    let written: [UInt8] = [1]
    do throws(BridgeFailure) {
      try stick.transfer(
        address: 0x50, written.span, into: &nothing, deadline: 100, now: { 100 })
      Issue.record("it was sent")
    } catch {
      #expect(error == .bus(.timedOut))
    }
    #expect(bench.look { $0.outByteCount } == 0)
  }

  /// Fails the k-th transfer, for every k, in every way, until nothing fails any more.
  @Test(arguments: StickFault.allCases)
  func aFaultAtAnyTransferIsAnErrorAndLeavesNothingBehind(kind: StickFault) throws {
    var index = 0
    while true {
      let bench = StickBench()
      let chip = CountingChip()
      var stick = try openStick(bench, chip)
      bench.change { $0.fault = (index, kind) }
      let result = failure(&stick, [UInt8](repeating: 3, count: 40), read: 70)
      guard bench.look({ $0.hasFaulted }) else {
        #expect(result == nil)
        break
      }
      #expect(result != nil, "\(kind) at transfer \(index) passed for a success")
      if kind == .disconnect {
        #expect(result == .usb(.disconnected))
        #expect(failure(&stick, [1], read: 1) == .usb(.disconnected))
        bench.plug(true)
        try stick.open(now: { 0 })
      }
      (chip.writes, chip.next) = ([], 0)
      #expect(try transfer(&stick, [7], read: 3) == [0, 1, 2], "after \(kind) at \(index)")
      // What went out before the fault has reached the chip; the stop kept it apart from this.
      #expect(chip.writes.last == [7])
      #expect(bench.look { $0.violations } == [])
      index += 1
    }
    #expect(index > 10)
  }

  @Test func withoutAStickNothingIsSent() throws {
    let bench = StickBench()
    bench.plug(false)
    var stick = Stick(transport: EmulatedCH341(bench: bench), speed: .kilohertz100)
    #expect(throws: BridgeFailure.usb(.absent)) { try stick.open(now: { 0 }) }
    #expect(failure(&stick, [1], read: 1) == .usb(.absent))
  }
}
