import Buses
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import Simulation
import Testing

extension VirtualChipTests {
  @Test func aRadiosLinesAreReadAsLevelsAndItsResetIsDriven() throws {
    let served = try served()
    var lines = try GPIORadioLines.open(
      try served.kernel(), reset: place(1, "gpio.sock", isActiveLow: true),
      busy: place(2, "gpio.sock"), interrupt: place(3, "gpio.sock"))
    for isHeld in [true, false] {
      let isWired = try lines.holdReset(isHeld)
      #expect(isWired)
      #expect(served.look { $0.isHigh(1) } == !isHeld)
    }
    for isHigh in [true, false, true] {
      _ = served.look { chip in
        chip.drive(2, high: isHigh, nanoseconds: 1)
        chip.drive(3, high: !isHigh, nanoseconds: 2)
        return true
      }
      // The level stays without another edge.
      for _ in 0..<3 {
        let (isBusy, isInterrupted) = (try lines.isBusy(), try lines.isInterrupted())
        #expect(isBusy == isHigh && isInterrupted == !isHigh)
      }
    }
    let descriptor = lines.pollDescriptor
    #expect(descriptor != nil)
    served.end()
    var found: BusError?
    do throws(BusError) { _ = try lines.isBusy() } catch { found = error }
    #expect(found == .disconnected)
  }

  @Test func linesThatAreNotWiredAreNotAsked() throws {
    let served = try served()
    var lines = try GPIORadioLines.open(try served.kernel(), reset: nil, busy: nil, interrupt: nil)
    let (isReset, isBusy, isInterrupted) = (
      try lines.holdReset(true), try lines.isBusy(), try lines.isInterrupted()
    )
    #expect(!isReset && !isBusy && isInterrupted == nil)
    served.end()
  }
}
