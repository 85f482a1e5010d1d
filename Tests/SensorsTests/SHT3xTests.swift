import Buses
import Records
import Sensors
import Testing

@Suite struct SHT3xTests {
  static let identity: [[UInt8]] = [checked(0x1234) + checked(0x5678)]
  static let identityTransfers: [Transfer] = [
    .write([0x30, 0x93]), .write([0x30, 0xa2]), .write([0x37, 0x80]), .read(identity[0]),
  ]

  private func measure(_ temperature: UInt16, _ humidity: UInt16) throws -> [Int64?] {
    let script = Script(Self.identity + [checked(temperature) + checked(humidity)])
    var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    return array(try sensor.measure(delay: &delay).values)
  }

  @Test func aMeasurementIsIdentificationThenCommandThenRead() throws {
    let reply = checked(0xbeef) + checked(0xbeef)
    let script = Script(Self.identity + [reply, reply])
    var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    let measurement = try sensor.measure(delay: &delay)
    #expect(array(measurement.values) == [85_523, 74_585])
    #expect(measurement.rawFingerprint == 0xbeef_beef)
    _ = try sensor.measure(delay: &delay)
    #expect(
      script.trace == Self.identityTransfers + [
        .write([0x24, 0x00]), .read(reply), .write([0x24, 0x00]), .read(reply),
      ])
    #expect(script.sleptMilliseconds == [1, 2, 1, 16, 16])
    #expect(array(sensor.serialNumber.span) == Array("12345678".utf8))
  }

  @Test func theEndsOfTheRangesAreReadings() throws {
    // −40 °C and 125 °C are the words 1872.4 and 63662.6.
    #expect(try measure(1873, 0) == [-39_998, 0])
    #expect(try measure(63_662, 0xffff) == [124_998, 100_000])
  }

  @Test func whatLiesOutsideTheRangesIsNoReading() {
    for word: UInt16 in [0, 1, 1872, 63_663, 65_534, 65_535] {
      #expect(throws: SensorFailure.outOfRange) { try measure(word, 0x8000) }
    }
  }

  @Test func everyWordIsTheNearestThousandth() throws {
    for word in UInt16(1873)...63_662 where word % 97 == 0 {
      let values = try measure(word, word)
      let ratio = Double(word) / 65_535
      #expect(values[0] == Int64((ratio * 175_000).rounded()) - 45_000)
      #expect(values[1] == Int64((ratio * 100_000).rounded()))
    }
  }

  @Test func everyFlippedBitOfAMeasurementIsCaught() {
    for bit in 0..<48 {
      var reply = checked(0x6666) + checked(0x8000)
      reply[bit / 8] ^= 1 << UInt8(bit % 8)
      let script = Script(Self.identity + [reply])
      var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
      #expect(error?.faultCode == .checksumMismatch, "bit \(bit)")
    }
  }

  @Test func everyFlippedBitOfASerialNumberIsCaught() {
    for bit in 0..<48 {
      var reply = Self.identity[0]
      reply[bit / 8] ^= 1 << UInt8(bit % 8)
      let script = Script([reply])
      var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in try sensor.identify(delay: &delay) }
      #expect(error?.faultCode == .checksumMismatch, "bit \(bit)")
      #expect(sensor.serialNumber.isEmpty)
    }
  }

  @Test func anotherChipsAnswerIsNoSHT3x() {
    for byte: UInt8 in [0x00, 0x39, 0xff] {
      let script = Script([[UInt8](repeating: byte, count: 6)])
      var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
      #expect(error == .wrongChip(expected: tableCRC8([byte, byte]), found: byte))
    }
  }

  @Test func everyBusErrorAtEveryTransferIsItsFaultAndLeadsToANewIdentification() throws {
    let reply = checked(0x6666) + checked(0x8000)
    for error in everyBusError {
      for index in 0..<6 {
        let script = Script(Self.identity + [reply])
        script.failure = (index, error)
        var sensor = SHT3x(device: ScriptedI2CDevice(script: script))
        var delay = RecordedDelay(script: script)
        let first = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
        #expect(first == .bus(error))
        script.failure = nil
        script.trace = []
        script.replies = Self.identity + [reply]
        _ = try sensor.measure(delay: &delay)
        #expect(script.trace.starts(with: Self.identityTransfers))
      }
    }
  }
}
