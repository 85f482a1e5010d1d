import Buses
import CLinux
import Foundation
import Testing

@testable import LinuxPlatform

/// Of the kernel's i2c/fault-codes, and of what adapters return for a chip that stretches the clock.
@Test(
  arguments: [
    (ENXIO, 0, BusError.notAcknowledged), (EREMOTEIO, 0, .notAcknowledged),
    (ETIMEDOUT, 0, .timedOut), (EIO, 25, .timedOut), (EIO, 24, .system(errno: EIO)),
    (EAGAIN, 0, .arbitrationLost), (ENODEV, 0, .disconnected), (ESHUTDOWN, 0, .disconnected),
    (EOPNOTSUPP, 0, .system(errno: EOPNOTSUPP)), (EBUSY, 0, .system(errno: EBUSY)),
  ] as [(Int32, Int64, BusError)])
func theKernelsErrorsAreThoseOfTheBus(errno: Int32, milliseconds: Int64, expected: BusError) {
  #expect(BusError.transfer(errno: errno, elapsedMilliseconds: milliseconds) == expected)
}

@Test func aBusThatIsNotThereIsDisconnected() {
  #expect(throws: BusError.disconnected) { _ = try LinuxI2CBus(number: 60_000).device(at: 0x44) }
  #expect(throws: BusError.disconnected) {
    _ = try LinuxI2CBus(number: 60_000).probe(address: 0x44)
  }
}

@Test func theNumberOfABusIsInItsPath() {
  for (number, expected) in [
    (UInt16(0), "/dev/i2c-0"), (22, "/dev/i2c-22"), (65_535, "/dev/i2c-65535"),
  ] {
    #expect(text(of: LinuxI2CBus(number: number).path) == expected)
  }
}

@Test func aReservedAddressIsABug() async {
  await #expect(processExitsWith: .failure) { _ = try LinuxI2CBus(number: 60_000).device(at: 0x78) }
}
