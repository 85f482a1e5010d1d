import Buses
import LinuxPlatform
import Testing

@Suite struct LinuxSPITests {
  @Test func aDeviceThatIsNotThereIsADisconnectedBus() {
    #expect(throws: BusError.disconnected) {
      _ = try LinuxSPIDevice(path: FixedPath("/dev/spidev99.9"), speedHertz: 1_000_000)
    }
  }

  @Test func whatIsNoSPIDeviceIsRefused() {
    #expect(throws: BusError.self) {
      _ = try LinuxSPIDevice(path: FixedPath("/dev/null"), speedHertz: 1_000_000)
    }
  }
}
