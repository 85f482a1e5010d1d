/// A line for a person's terminal: pieces of text, each with a meaning that a terminal may show as a
/// colour. The words say everything; colours only help.
public struct DemoLine: Equatable, Sendable {
  public enum Style: Equatable, Sendable {
    case plain
    /// What the eye should find first.
    case strong
    /// What is there for whoever looks for it.
    case quiet
    case good
    case bad
    case warning
  }

  public struct Piece: Equatable, Sendable {
    public let text: String
    public let style: Style
  }

  /// What fits on every terminal that is at least this wide.
  public static let columnLimit = 100
  /// Where texts begin, behind their label.
  public static let textColumn = 13

  public private(set) var pieces: [Piece] = []

  public init(_ text: String = "", _ style: Style = .plain) { append(text, style) }

  /// A line with a label in front.
  public init(label: String, _ style: Style = .quiet) {
    append("  " + label, style)
    pad(to: Self.textColumn)
  }

  public mutating func append(_ text: String, _ style: Style = .plain) {
    // Another process's text must not command the terminal.
    let safe = String(text.unicodeScalars.map { Self.isControl($0) ? " " : Character($0) })
    if !safe.isEmpty { pieces.append(Piece(text: safe, style: style)) }
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
      || [.format, .lineSeparator, .paragraphSeparator].contains(
        scalar.properties.generalCategory)
  }

  /// Blanks up to a column, at least one behind a text.
  public mutating func pad(to column: Int) {
    let missing = max(column - columnCount, columnCount == 0 ? 0 : 1)
    append(String(repeating: " ", count: missing))
  }

  public var columnCount: Int { pieces.reduce(0) { $0 + $1.text.count } }

  /// The words alone.
  public var text: String { pieces.map(\.text).joined() }

  /// A label and a text, on as many lines as it needs.
  public static func wrapped(
    label: String, _ text: String, labelStyle: Style = .quiet, _ style: Style = .plain
  ) -> [DemoLine] {
    let width = columnLimit - 2 - textColumn
    var lines: [DemoLine] = []
    var current = ""
    func end() {
      var line = lines.isEmpty ? DemoLine(label: label, labelStyle) : DemoLine(label: "")
      line.append(current, style)
      lines.append(line)
    }
    for word in text.split(separator: " ") {
      var rest = word
      if !current.isEmpty, current.count + 1 + rest.count > width {
        end()
        current = ""
      }
      while rest.count > width {
        current = String(rest.prefix(width))
        rest = rest.dropFirst(width)
        end()
        current = ""
      }
      current += (current.isEmpty ? "" : " ") + rest
    }
    if !current.isEmpty || lines.isEmpty { end() }
    return lines
  }
}

/// What the terminal at the other end can show.
public struct DemoTerminal: Equatable, Sendable {
  public var hasColours: Bool
  public var hasUnicode: Bool
  /// A line can be written over, so that a state is shown while it lasts.
  public var isInteractive: Bool

  public init(hasColours: Bool, hasUnicode: Bool, isInteractive: Bool) {
    self.hasColours = hasColours
    self.hasUnicode = hasUnicode
    self.isInteractive = isInteractive
  }

  /// By the usual variables: NO_COLOR with any value, TERM=dumb, and the locale where one is set.
  public init(isTerminal: Bool, environment: [String: String]) {
    let isDumb = environment["TERM"] == "dumb"
    let forbidsColours = !(environment["NO_COLOR"] ?? "").isEmpty
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
      .first { !$0.isEmpty }
    hasColours = isTerminal && !isDumb && !forbidsColours
    isInteractive = isTerminal && !isDumb
    hasUnicode =
      locale.map {
        let name = $0.uppercased()
        return name.contains("UTF-8") || name.contains("UTF8")
      } ?? true
  }

  /// The line as it is written, without its end.
  public func rendered(_ line: DemoLine) -> String {
    var result = ""
    for piece in line.pieces {
      let text = hasUnicode ? piece.text : Self.ascii(piece.text)
      guard hasColours, let code = Self.code(piece.style) else {
        result += text
        continue
      }
      result += "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }
    while result.last == " " { result.removeLast() }
    return result
  }

  private static func code(_ style: DemoLine.Style) -> String? {
    switch style {
    case .plain: nil
    case .strong: "1"
    case .quiet: "2"
    case .good: "32"
    case .bad: "1;31"
    case .warning: "33"
    }
  }

  /// The signs that we use ourselves, in words of ASCII.
  private static let asciiSigns: [Character: String] = [
    "✔": "ok", "✘": "NO", "…": "..", "–": "-", "—": "-", "━": "=", "─": "-", "±": "+/-",
    "°": "deg ", "·": "-", "→": "->", "×": "x", "•": "*", "“": "\"", "”": "\"", "’": "'", "⚠": "!",
  ]

  private static func ascii(_ text: String) -> String {
    text.map { asciiSigns[$0] ?? ($0.isASCII ? String($0) : "?") }.joined()
  }
}
