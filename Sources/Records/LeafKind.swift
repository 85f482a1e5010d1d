/// The first number of a leaf: what it records (docs/proof-format.md). Numbers never change meaning.
public enum LeafKind: UInt8, Sendable {
  case boot = 0
  case reading = 1
  case schema = 2
  case fault = 3
  case event = 4
  case clock = 5
  case position = 6
  case challenge = 7
  case intent = 8
  case sent = 9
  case reveal = 10
  case witness = 11
  case listen = 12
  case frame = 13
  case health = 14
}

/// The code of an event leaf, which says what its arguments are.
public enum EventCode: UInt8, Sendable {
  /// Measurements that were not made: from, to (milliseconds since boot), how many, why.
  /// The schema field names the sensor.
  case measurementsMissed = 1
  /// Leaves that gave way to newer ones before they were delivered: first index, index after the last,
  /// how many, why.
  case leavesDropped = 2
  /// A device came: its name.
  case deviceAttached = 3
  /// A device went: its name.
  case deviceDetached = 4
  /// Another chip, or the same one anew, stands behind a schema from here on.
  case sensorReplaced = 5
  /// As `leavesDropped`, of an earlier epoch: its number, first index, index after the last, how many, why.
  case olderLeavesDropped = 6
  /// A contact has another state: its name, the state, when, how many changes, whether it guards the node.
  case contactChanged = 7
  /// Somebody unlocked the console: which terminal, how often.
  case consoleUnlocked = 8
  /// Somebody did not know the console's passphrase: which terminal, how often.
  case consoleRefused = 9
  /// The board's button was pressed: when, how often.
  case buttonPressed = 11
  /// A beacon was not sent: number of its challenge, why.
  case beaconNotSent = 12
  /// Frames that became no leaves: why, how many.
  case framesRefused = 13
  /// A sub-band's share of the hour was spent: its lower edge, what was asked for, how often.
  case airtimeSpent = 14
  /// A radio hears nothing any more: since when.
  case radioDeaf = 15
  /// A radio was reset: why, how often.
  case radioReset = 16
}

/// Why something is missing, in events of a gap.
public enum GapReason: UInt8, Sendable {
  /// The agent was busy with another sensor, or the processor with another program.
  case late = 1
  /// The board was suspended.
  case suspended = 2
  /// The spool was full of leaves that nobody had fetched.
  case spoolFull = 3
  /// The agent ended and was started again.
  case restart = 4
  /// The card lost what it had confirmed.
  case storageLost = 5
  /// The card was restored from an older copy: the gateway has another continuation of this log.
  case restoredCopy = 6
}

/// Where a clock or position leaf has its figures from.
public enum FixSource: UInt8, Sendable {
  case none = 0
  case realTimeClock = 1
  case networkTime = 2
  case gnss = 3
  case gateway = 4
  /// Written down by the operator (positions only).
  case configured = 5
}
