import FixedMemory
import NodeConfiguration
import NodeFiles

/// What site file and board profile say that checks need: copies, while the configuration itself can't be kept.
struct NodeSetup {
  let sensors: FixedArray<16, SiteConfiguration.Sensor>
  let buses: FixedArray<8, BoardProfile.I2CBus>
  /// Where the receiver is; nil without one, and without such a line.
  let receiver: BoardProfile.SerialLine?
  let radio: SiteConfiguration.Radio?
  let radioParts: RadioParts
  let batchIntervalMilliseconds: Int64
  let spoolByteCount: Int64
  let serialFile: PathText
  let cardFile: PathText

  init(_ files: borrowing NodeConfigurationFiles) {
    sensors = files.site.sensors
    buses = files.board.buses
    receiver = files.site.gnss.flatMap { files.board.serialLine(named: $0.port) }
    radio = files.site.radio
    radioParts = RadioParts(files.site, files.board)
    batchIntervalMilliseconds = files.site.batchIntervalMilliseconds
    spoolByteCount = files.site.spool.byteCount
    serialFile = files.board.serialFile
    cardFile = files.board.cardFile
  }

  /// How often the slowest sensor measures, or a batch is sealed.
  var longestIntervalMilliseconds: Int64 {
    var longest = batchIntervalMilliseconds
    for index in sensors.indices { longest = max(longest, sensors[index].intervalMilliseconds) }
    return longest
  }

  /// Some sensor is on that bus.
  func uses(_ bus: BoardProfile.I2CBus) -> Bool {
    for index in sensors.indices where sensors[index].bus == bus.name { return true }
    return false
  }

  func hasSensor(on bus: BoardProfile.I2CBus, at address: UInt8) -> Bool {
    for index in sensors.indices
    where sensors[index].bus == bus.name && sensors[index].address == address { return true }
    return false
  }
}
