import FixedMemory

/// Each key of one file with the value that holds and where it was written, for people: text as it stands
/// in the file or in the table of keys, not yet interpreted.
///
/// Invariant: the rows of a section follow each other, one for each of its keys.
public struct ConfigurationListing: ~Copyable {
  public struct Section: Sendable {
    public let title: StaticString
    /// What follows the point in `[sensor.NAME]`; empty without one.
    public let name: Name
    /// 0: the section is not written.
    public internal(set) var line: Int
    /// Without the section, what it is about is off; its defaults hold only with it.
    public let isOptional: Bool
    /// Of its rows.
    public internal(set) var range: Range<Int>
  }

  public struct Row: Sendable {
    public let key: StaticString
    /// 0: not written.
    public fileprivate(set) var line = 0
    /// Nil when the key is not written and has no default.
    public fileprivate(set) var text: FixedText<200>?
    fileprivate let number: UInt8
  }

  /// 12 sections of a site file and 24 with names, or 3 of a profile and 42 with names.
  public private(set) var sections = FixedArray<45, Section>(
    filler: Section(title: "", name: Name(), line: 0, isOptional: false, range: 0..<0))
  /// 36 keys of a site file's sections without names, 16 sensors of 6, 4 pulses of 7 and 4 contacts of 3 are 172; of
  /// a profile 6 keys, and 8 buses of 4, 8 serial lines of 3, 16 GPIO lines of 4, 4 SPI buses of 6 and 6 radios of 10
  /// are 210.
  public private(set) var rows = FixedArray<224, Row>(filler: Row(key: "", number: 0))

  /// Reads a file. Lines that can't be understood are in `problems` and not in the list.
  public init(
    of source: Problem.Source, parsing bytes: Span<UInt8>, problems: inout ProblemList
  ) {
    if source == .board {
      var document = ListedProfile()
      _ = interpret(bytes, into: &document, problems: &problems)
      self = document.finish()
    } else {
      var document = ListedSite()
      _ = interpret(bytes, into: &document, problems: &problems)
      self = document.finish()
    }
  }

  fileprivate init(of source: Problem.Source) {
    for raw in 0..<NodeConfiguration.Section.count {
      guard let section = NodeConfiguration.Section(rawValue: UInt8(raw)),
        section.source == source, !section.hasName
      else { continue }
      append(section, Name(), line: 0)
    }
  }

  private mutating func append(_ section: NodeConfiguration.Section, _ name: Name, line: Int) {
    let first = rows.count
    var isFeature = false
    for index in 0..<Key.count {
      let definition = KeyTable.rows[index]
      guard definition.section == section else { continue }
      if case .refused = definition.absence { isFeature = true }
      rows.append(Row(key: definition.name, number: definition.key.rawValue))
    }
    sections.append(
      Section(
        title: section.name, name: name, line: line,
        isOptional: isFeature && !section.isRequired && !section.hasName,
        range: first..<rows.count))
  }

  fileprivate mutating func begin(_ section: NodeConfiguration.Section, _ name: Name, line: Int) {
    guard !section.hasName else { return append(section, name, line: line) }
    for index in sections.indices where isTitled(sections[index], section) {
      sections[index].line = line
    }
  }

  private func isTitled(_ section: Section, _ wanted: NodeConfiguration.Section) -> Bool {
    section.title.bytes.equals(wanted.name)
  }

  /// The key's last row: that of the section which began last, when it has a name.
  fileprivate mutating func set(_ key: Key, _ text: Span<UInt8>, line: Int) {
    for index in rows.indices.reversed() where rows[index].number == key.rawValue {
      rows[index].line = line
      rows[index].text = FixedText(text)
      return
    }
  }
}

/// A site file, for the list.
private struct ListedSite: ~Copyable, ConfigurationDocument {
  static var source: Problem.Source { .site }
  private var listing = ConfigurationListing(of: .site)

  mutating func begin(_ section: Section, name: Name, line: Int) {
    listing.begin(section, name, line: line)
  }
  mutating func set(_ key: Key, _: Value, text: Span<UInt8>, line: Int) {
    listing.set(key, text, line: line)
  }
  consuming func finish() -> ConfigurationListing { listing }
}

/// A board profile, for the list.
private struct ListedProfile: ~Copyable, ConfigurationDocument {
  static var source: Problem.Source { .board }
  private var listing = ConfigurationListing(of: .board)

  mutating func begin(_ section: Section, name: Name, line: Int) {
    listing.begin(section, name, line: line)
  }
  mutating func set(_ key: Key, _: Value, text: Span<UInt8>, line: Int) {
    listing.set(key, text, line: line)
  }
  consuming func finish() -> ConfigurationListing { listing }
}
