import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// `cairn config show`: each value that holds, and where it comes from.
enum ConfigShowCommand {
  static func run(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    var problems = ProblemList()
    let files = NodeConfigurationFiles.load(
      options: arguments.options, requiresBoard: arguments.hasBoard, problems: &problems)
    let isUsable = problems.isUsable && files != nil
    if arguments.isJSON {
      output.beginObject()
      output.member("usable", isUsable)
      output.beginArray("values")
    } else if !isUsable {
      output.write("can't be used", .bad)
      output.write(": `cairn config check` tells why; what could be read:")
      output.newLine()
    }
    show(.site, arguments.options.configPath, arguments, &output)
    if arguments.hasBoard { show(.board, arguments.options.boardPath, arguments, &output) }
    if arguments.isJSON {
      output.endArray()
      output.endDocument()
    }
    return isUsable ? .success : .configuration
  }

  private static func show(
    _ source: Problem.Source, _ path: PathText, _ arguments: borrowing Arguments,
    _ output: inout Output
  ) {
    var bytes = InlineArray<16384, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    guard let fixed = FixedPath(path.span) else { return }
    let count: Int
    // Why a file can't be read `config check` tells.
    do throws(FileFailure) { count = try readFile(fixed, into: &span) } catch {
      guard !arguments.isJSON else { return }
      output.write(untrusted: path.span)
      output.write(": can't be read", .bad)
      output.newLine()
      return
    }
    var ignored = ProblemList()  // `load` has them.
    let listing = ConfigurationListing(
      of: source, parsing: span.span.extracting(0..<count), problems: &ignored)
    if !arguments.isJSON {
      output.write(untrusted: path.span)
      output.newLine()
    }
    for index in listing.sections.indices {
      let section = listing.sections[index]
      if arguments.isJSON {
        if isOff(section) { continue }
        for row in section.range {
          output.element(listing.rows[row], section, path, keyPath: keyPath(arguments))
        }
      } else {
        write(section, listing, keyPath: keyPath(arguments), &output)
      }
    }
  }

  /// Where the key is when nothing says where: it depends on the state folder, so that no table has it.
  private static func keyPath(_ arguments: borrowing Arguments) -> FixedPath? {
    NodePaths(options: arguments.options)?.key
  }

  private static func isOff(_ section: ConfigurationListing.Section) -> Bool {
    section.isOptional && section.line == 0
  }

  /// Columns of source and value.
  private static var columns: (source: Int, value: Int) { (24, 35) }

  private static func write(
    _ section: ConfigurationListing.Section, _ listing: borrowing ConfigurationListing,
    keyPath: FixedPath?, _ output: inout Output
  ) {
    output.emphasise(.heading)
    output.write("[")
    output.write(section.title)
    if !section.name.isEmpty {
      output.write(".")
      output.write(untrusted: section.name.span)
    }
    output.write("]")
    output.plain()
    if section.line > 0 {
      output.pad(to: columns.source)
      output.write("line ")
      output.write(section.line)
    } else if isOff(section) {
      output.pad(to: columns.source)
      output.write("not written: off")
    }
    output.newLine()
    if isOff(section) { return }
    for index in section.range {
      let row = listing.rows[index]
      let text = valueText(row, section, keyPath)
      write(row, text.span, &output)
    }
  }

  private static func write(
    _ row: ConfigurationListing.Row, _ text: Span<UInt8>, _ output: inout Output
  ) {
    output.write("  ")
    output.write(row.key)
    output.pad(to: columns.source)
    guard !text.isEmpty else {
      output.write(row.key.bytes.equals("address") ? "the chip's usual one" : "not set", .dim)
      output.newLine()
      return
    }
    if row.line > 0 {
      output.write("line ")
      output.write(row.line)
    } else {
      output.write("default", .dim)
    }
    // What does not fit behind its source has a line of its own.
    if text.count > output.width - columns.value {
      output.newLine()
      output.pad(to: 4)
    } else {
      output.pad(to: columns.value)
    }
    let room = output.width - 4
    if text.count <= room {
      output.write(untrusted: text)
    } else {
      output.write(untrusted: text.extracting(0..<room - 24))
      output.write("... (")
      output.write(UInt64(text.count))
      output.write(" characters)")
    }
    output.newLine()
  }
}

extension Output {
  fileprivate mutating func element(
    _ row: ConfigurationListing.Row, _ section: ConfigurationListing.Section, _ path: PathText,
    keyPath: FixedPath?
  ) {
    beginObject()
    member("section", text: section.title)
    if section.name.isEmpty {
      member(null: "name")
    } else {
      member("name", text: section.name.span)
    }
    member("key", text: row.key)
    let text = valueText(row, section, keyPath)
    if text.isEmpty { member(null: "value") } else { member("value", text: text.span) }
    member("source", text: text.isEmpty ? "none" : row.line > 0 ? "file" : "default")
    if row.line > 0 {
      member("file", text: path.span)
      member("line", UInt64(row.line))
    } else {
      member(null: "file")
      member(null: "line")
    }
    endObject()
  }
}

/// The value that holds; empty when there is none. [key]'s address has a default that depends on the state folder.
private func valueText(
  _ row: ConfigurationListing.Row, _ section: ConfigurationListing.Section, _ keyPath: FixedPath?
) -> TextBuilder<264> {
  var text = TextBuilder<264>()
  if let written = row.text {
    text.append(written.span)
  } else if let keyPath, section.title.bytes.equals("key") {
    text.append("file:")
    text.append(keyPath.span)
  }
  return text
}
