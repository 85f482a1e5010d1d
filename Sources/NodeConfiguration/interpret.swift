import FixedMemory

/// A file's meaning, filled key by key.
protocol ConfigurationDocument: ~Copyable {
  static var source: Problem.Source { get }
  /// A section begins. `name` is empty for a section without one. What `set` sets belongs to it
  /// until the next `begin`. Its limit was checked.
  mutating func begin(_ section: Section, name: Name, line: Int)
  /// A value of the section that began last. `text` is how it was written.
  mutating func set(_ key: Key, _ value: Value, text: Span<UInt8>, line: Int)
}

/// Reads `bytes` into `document`: sections and keys are looked up in `KeyTable`, defaults are set
/// first. All that is wrong goes to `problems`. Returns the number of lines.
func interpret<Document: ConfigurationDocument & ~Copyable>(
  _ bytes: Span<UInt8>, into document: inout Document, problems: inout ProblemList
) -> Int {
  for raw in 0..<Section.count {
    guard let section = Section(rawValue: UInt8(raw)), section.source == Document.source,
      !section.hasName
    else { continue }
    setDefaults(section, in: &document)
  }
  let file = INIFile(parsing: bytes, source: Document.source, problems: &problems)
  var reading = SectionReading(source: Document.source)
  for index in file.entries.indices {
    let entry = file.entries[index]
    let name = bytes.extracting(entry.name.range)
    let line = Int(entry.line)
    if entry.isHeading {
      reading.close(problems: &problems)
      guard let section = reading.open(name, line: line, problems: &problems) else { continue }
      document.begin(section, name: reading.name, line: line)
      if section.hasName { setDefaults(section, in: &document) }
      continue
    }
    guard let definition = reading.find(name, line: line, problems: &problems) else { continue }
    let text = bytes.extracting(entry.value.range)
    var message = Message()
    message.write(definition.name)
    message.write(": ")
    do throws(Problem.Reason) {
      let value = try definition.kind.read(text, message: &message)
      document.set(definition.key, value, text: text, line: line)
    } catch {
      problems.refuse(Document.source, line: line, error, message)
    }
  }
  reading.close(problems: &problems)
  reading.refuseMissingSections(line: file.lineCount, problems: &problems)
  return file.lineCount
}

private func setDefaults<Document: ConfigurationDocument & ~Copyable>(
  _ section: Section, in document: inout Document
) {
  for row in 0..<Key.count {
    let definition = KeyTable.rows[row]
    guard definition.section == section, case .standard(let literal) = definition.absence else {
      continue
    }
    var unused = Message()
    do throws(Problem.Reason) {
      let value = try definition.kind.read(literal.bytes, message: &unused)
      document.set(definition.key, value, text: literal.bytes, line: 0)
    } catch {
      stop("a default of KeyTable is not a value of its kind")
    }
  }
}

/// Which section holds, and what was seen.
private struct SectionReading: ~Copyable {
  let source: Problem.Source
  /// Nil outside sections and in one that was refused.
  private var section: Section?
  private(set) var name = Name()
  private var line = 0
  /// True after any heading: a key outside sections is another mistake than one in a refused
  /// section.
  private var isInside = false
  /// The line of each key in the open section; 0 when not seen. By row of `KeyTable`.
  private var keyLines = InlineArray<90, Int>(repeating: 0)
  /// How often each section was seen, and where first.
  private var counts = InlineArray<23, Int>(repeating: 0)
  private var firstLines = InlineArray<23, Int>(repeating: 0)

  private struct NamedLine {
    var section: Section
    var name: Name
    var line: Int
  }
  /// Sections with names: 8 I2C buses, 8 serial lines, 16 GPIO lines, 4 SPI buses and 6 radios of a profile.
  private var named = FixedArray<42, NamedLine>(
    filler: NamedLine(section: .sensor, name: Name(), line: 0))

  init(source: Problem.Source) { self.source = source }

  /// The section that `heading` opens, or nil when it is refused.
  mutating func open(_ heading: Span<UInt8>, line: Int, problems: inout ProblemList) -> Section? {
    self.line = line
    isInside = true
    section = nil
    name = Name()
    keyLines = InlineArray(repeating: 0)
    var dot = 0
    while dot < heading.count, heading[dot] != UInt8(ascii: ".") { dot += 1 }
    let kind = heading.extracting(0..<dot)
    guard let found = lookUp(kind) else {
      refuseUnknown(heading, kind, problems: &problems)
      return nil
    }
    let hasDot = dot < heading.count
    let written = heading.extracting(min(dot + 1, heading.count)..<heading.count)
    guard found.hasName == hasDot, !hasDot || isName(written), let text = Name(written) else {
      refuseName(heading, found, problems: &problems)
      return nil
    }
    guard isFirst(found, text, line: line, problems: &problems) else { return nil }
    section = found
    name = text
    return found
  }

  /// The key `written` in the open section, or nil when it is refused or its section was.
  mutating func find(_ written: Span<UInt8>, line: Int, problems: inout ProblemList)
    -> KeyDefinition?
  {
    guard let section else {
      if !isInside {
        var message = Message()
        message.write(quoted: written)
        message.write(" stands before the first [section]")
        problems.refuse(source, line: line, .keyOutsideSection, message)
      }
      return nil
    }
    for row in 0..<Key.count {
      let definition = KeyTable.rows[row]
      guard definition.section == section, written.equals(definition.name) else { continue }
      guard keyLines[row] == 0 else {
        var message = Message()
        message.write(definition.name)
        message.write(" again: it stands in line ")
        message.write(decimal: Int64(keyLines[row]))
        problems.refuse(source, line: line, .duplicateKey, message)
        return nil
      }
      keyLines[row] = line
      return definition
    }
    refuseUnknownKey(written, section, line: line, problems: &problems)
    return nil
  }

  /// The open section ends: its required keys must have been seen.
  mutating func close(problems: inout ProblemList) {
    guard let section else { return }
    for row in 0..<Key.count {
      let definition = KeyTable.rows[row]
      guard definition.section == section, keyLines[row] == 0, case .refused = definition.absence
      else { continue }
      var message = Message()
      write(section, name, to: &message)
      message.write(" needs the key ")
      message.write(definition.name)
      message.write(": ")
      definition.kind.writeAllowed(to: &message)
      problems.refuse(source, line: line, .missingKey, message)
    }
  }

  func refuseMissingSections(line: Int, problems: inout ProblemList) {
    for raw in 0..<Section.count {
      guard let section = Section(rawValue: UInt8(raw)), section.source == source,
        section.isRequired, counts[raw] == 0
      else { continue }
      var message = Message()
      message.write("the section ")
      write(section, Name(), to: &message)
      message.write(" is missing")
      problems.refuse(source, line: line, .missingSection, message)
    }
  }

  private func lookUp(_ kind: Span<UInt8>) -> Section? {
    for raw in 0..<Section.count {
      guard let section = Section(rawValue: UInt8(raw)), section.source == source else { continue }
      if kind.equals(section.name) { return section }
    }
    return nil
  }

  /// Counts the section; refuses it when it was seen before or is one too many.
  private mutating func isFirst(
    _ section: Section, _ name: Name, line: Int, problems: inout ProblemList
  ) -> Bool {
    let raw = Int(section.rawValue)
    var firstLine = section.hasName ? 0 : firstLines[raw]
    for index in named.indices
    where section.hasName && named[index].section == section && named[index].name == name {
      firstLine = named[index].line
    }
    var message = Message()
    write(section, name, to: &message)
    guard firstLine == 0 else {
      message.write(" again: it stands in line ")
      message.write(decimal: Int64(firstLine))
      problems.refuse(source, line: line, .duplicateSection, message)
      return false
    }
    guard counts[raw] < section.limit else {
      message.write(" is one too many: at most ")
      message.write(decimal: Int64(section.limit))
      problems.refuse(source, line: line, .tooMany, message)
      return false
    }
    counts[raw] += 1
    firstLines[raw] = line
    if section.hasName { named.append(NamedLine(section: section, name: name, line: line)) }
    return true
  }

  private func refuseUnknown(
    _ heading: Span<UInt8>, _ kind: Span<UInt8>, problems: inout ProblemList
  ) {
    var message = Message()
    message.write("unknown section ")
    message.write(quoted: heading)
    var nearest = NearestWord()
    var belongsElsewhere = false
    for raw in 0..<Section.count {
      guard let section = Section(rawValue: UInt8(raw)) else { continue }
      if section.source == source {
        nearest.consider(section.name, for: kind)
      } else if kind.equals(section.name) {
        belongsElsewhere = true
      }
    }
    if belongsElsewhere {
      message.write(
        source == .site ? ": it belongs in the board profile" : ": it belongs in site.ini")
    } else if let word = nearest.word {
      message.write(": did you mean ")
      message.write(word)
      message.write("?")
    }
    problems.refuse(source, line: line, .unknownSection, message)
  }

  private func refuseName(
    _ heading: Span<UInt8>, _ section: Section, problems: inout ProblemList
  ) {
    var message = Message()
    message.write(quoted: heading)
    message.write(section.hasName ? " needs a name: [" : " has no name: [")
    message.write(section.name)
    message.write(section.hasName ? ".NAME], NAME being " : "]")
    if section.hasName { ValueKind.name.writeAllowed(to: &message) }
    problems.refuse(source, line: line, .wrongName, message)
  }

  private func refuseUnknownKey(
    _ written: Span<UInt8>, _ section: Section, line: Int, problems: inout ProblemList
  ) {
    var message = Message()
    message.write("unknown key ")
    message.write(quoted: written)
    message.write(" in ")
    write(section, name, to: &message)
    var nearest = NearestWord()
    for row in 0..<Key.count where KeyTable.rows[row].section == section {
      nearest.consider(KeyTable.rows[row].name, for: written)
    }
    if let word = nearest.word {
      message.write(": did you mean ")
      message.write(word)
      message.write("?")
    } else {
      message.write(": its keys are")
      for row in 0..<Key.count where KeyTable.rows[row].section == section {
        message.write(" ")
        message.write(KeyTable.rows[row].name)
      }
    }
    problems.refuse(source, line: line, .unknownKey, message)
  }

  private func write(_ section: Section, _ name: Name, to message: inout Message) {
    message.write("[")
    message.write(section.name)
    if section.hasName {
      message.write(".")
      message.write(name.span)
    }
    message.write("]")
  }
}
