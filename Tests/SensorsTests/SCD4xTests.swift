import Buses
import Records
import Sensors
import Testing

@Suite struct SCD4xTests {
  /// Datasheet, get_serial_number: 273 325 796 834 238.
  static let identity: [[UInt8]] = [[0xf8, 0x96, 0x31, 0x9f, 0x07, 0xc2, 0x3b, 0xbe, 0x89]]
  static let identityTransfers: [Transfer] = [
    .write([0x3f, 0x86]), .write([0x36, 0x82]), .read(identity[0]), .write([0x21, 0xb1]),
  ]
  static let ready = checked(0x8006)
  static let notReady = checked(0x8000)
  /// Datasheet, read_measurement: 500 ppm, 25 °C, 37 %RH.
  static let example: [UInt8] = [0x01, 0xf4, 0x33, 0x66, 0x67, 0xa2, 0x5e, 0xb9, 0x3c]

  private func measure(_ reply: [UInt8]) throws -> [Int64?] {
    let script = Script(Self.identity + [Self.ready, reply])
    var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    return array(try sensor.measure(delay: &delay).values)
  }

  private func measure(_ words: UInt16...) throws -> [Int64?] {
    try measure(words.flatMap { checked($0) })
  }

  @Test func theDatasheetsExampleIsRead() throws {
    let script = Script(Self.identity + [Self.ready, Self.example])
    var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    let measurement = try sensor.measure(delay: &delay)
    #expect(array(measurement.values) == [500, 25_003, 37_002])
    #expect(measurement.rawFingerprint == 0x01f4_6667_5eb9)
    #expect(
      script.trace == Self.identityTransfers + [
        .write([0xe4, 0xb8]), .read(Self.ready), .write([0xec, 0x05]), .read(Self.example),
      ])
    #expect(script.sleptMilliseconds == [500, 1, 1, 1])
    #expect(array(sensor.serialNumber.span) == Array("f8969f073bbe".utf8))
  }

  @Test func theEndsOfTheRangesAreReadings() throws {
    // −10 °C and 60 °C are the words 13107 and 39321.
    #expect(try measure(1, 13_107, 0) == [1, -10_000, 0])
    #expect(try measure(40_000, 39_321, 0xffff) == [40_000, 60_000, 100_000])
  }

  @Test func whatLiesOutsideTheRangesIsNoReading() {
    for words: [UInt16] in [
      [0, 20_000, 20_000], [40_001, 20_000, 20_000], [0xffff, 20_000, 20_000],
      [500, 13_106, 20_000], [500, 39_322, 20_000], [500, 0, 0], [500, 0xffff, 0],
    ] {
      #expect(throws: SensorFailure.outOfRange) {
        try measure(words.flatMap { checked($0) })
      }
    }
  }

  @Test func everyFlippedBitOfAMeasurementIsCaught() {
    for bit in 0..<72 {
      var reply = Self.example
      reply[bit / 8] ^= 1 << UInt8(bit % 8)
      let error = failure { () throws(SensorFailure) in
        let script = Script(Self.identity + [Self.ready, reply])
        var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
        var delay = RecordedDelay(script: script)
        _ = try sensor.measure(delay: &delay)
      }
      #expect(error?.faultCode == .checksumMismatch, "bit \(bit)")
    }
  }

  @Test func everyFlippedBitOfTheStatusIsCaught() {
    for bit in 0..<24 {
      var status = Self.ready
      status[bit / 8] ^= 1 << UInt8(bit % 8)
      let error = failure { () throws(SensorFailure) in
        let script = Script(Self.identity + [status, Self.example])
        var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
        var delay = RecordedDelay(script: script)
        _ = try sensor.measure(delay: &delay)
      }
      #expect(error?.faultCode == .checksumMismatch, "bit \(bit)")
    }
  }

  @Test func everyFlippedBitOfASerialNumberIsCaught() {
    for bit in 0..<72 {
      var reply = Self.identity[0]
      reply[bit / 8] ^= 1 << UInt8(bit % 8)
      let script = Script([reply])
      var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in try sensor.identify(delay: &delay) }
      #expect(error?.faultCode == .checksumMismatch, "bit \(bit)")
    }
  }

  @Test func anotherChipsAnswerIsNoSCD4x() {
    for byte: UInt8 in [0x00, 0x39, 0xff] {
      let script = Script([[UInt8](repeating: byte, count: 9)])
      var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in try sensor.identify(delay: &delay) }
      #expect(error == .wrongChip(expected: tableCRC8([byte, byte]), found: byte))
    }
  }

  @Test func everyStatusWithoutItsElevenBitsIsNotReady() {
    for upper in UInt16(0)..<32 {
      let script = Script(Self.identity + [checked(upper << 11)])
      var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
      var delay = RecordedDelay(script: script)
      let error = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
      #expect(error == .notReady)
    }
  }

  @Test func twoMissingResultsAreWaitedForAndAThirdStartsTheChipAgain() throws {
    let script = Script(Self.identity)
    var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
    var delay = RecordedDelay(script: script)
    try sensor.identify(delay: &delay)
    script.trace = []
    script.replies = [Self.notReady, Self.notReady, Self.notReady]
    for _ in 0..<3 {
      #expect(throws: SensorFailure.notReady) { try sensor.measure(delay: &delay) }
    }
    #expect(!script.trace.contains(Self.identityTransfers[0]))
    script.trace = []
    script.replies = Self.identity + [Self.ready, Self.example]
    #expect(array(try sensor.measure(delay: &delay).values) == [500, 25_003, 37_002])
    #expect(script.trace.starts(with: Self.identityTransfers))
  }

  @Test func everyBusErrorAtEveryTransferIsItsFaultAndLeadsToANewIdentification() throws {
    for error in everyBusError {
      for index in 0..<8 {
        let script = Script(Self.identity + [Self.ready, Self.example])
        script.failure = (index, error)
        var sensor = SCD4x(device: ScriptedI2CDevice(script: script))
        var delay = RecordedDelay(script: script)
        let first = failure { () throws(SensorFailure) in _ = try sensor.measure(delay: &delay) }
        #expect(first == .bus(error))
        script.failure = nil
        script.trace = []
        script.replies = Self.identity + [Self.ready, Self.example]
        _ = try sensor.measure(delay: &delay)
        #expect(script.trace.starts(with: Self.identityTransfers))
      }
    }
  }
}
