import FixedMemory

/// Serial lines, SPI buses and GPIO lines of the profile, radios' among them: the rows of `cairn board check`.
extension Checkup {
  mutating func checkLines(_ sink: inout some DoctorSink & ~Copyable) {
    guard let lines = lines.take() else { return }
    for index in lines.rows.indices {
      let found = lines.rows[index]
      if setup?.radioParts.has(found.subject) ?? false,
        radioPart.map({ found.state.rawValue > $0.state.rawValue }) ?? true
      {
        radioPart = found
      }
      if Self.hasOwnRow(found.subject.span) { continue }
      var row = DoctorRow(.boardPart, of: found.subject.span)
      row.reason.append(untrusted: found.reason.span)
      row.state = Self.state(found.state)
      row.remedy.append(untrusted: found.remedy.span)
      if row.remedy.isEmpty, row.state == .warning || row.state == .failed {
        row.remedy.append("Look at the board profile: `cairn board check`.")
      }
      sink.take(row)
    }
  }

  /// Buses are tried, and the device tree is compared, above.
  private static func hasOwnRow(_ subject: Span<UInt8>) -> Bool {
    begins(subject, "I2C bus ") || begins(subject, "profile ")
  }

  private static func begins(_ text: Span<UInt8>, _ start: StaticString) -> Bool {
    let count = start.utf8CodeUnitCount
    return text.count >= count && text.extracting(0..<count).equals(start)
  }

  private static func state(_ state: CheckRow.State) -> RowState {
    switch state {
    case .good, .unused: .ok
    case .unknown: .notChecked
    case .warning: .warning
    case .failed: .failed
    }
  }
}
