import FixedMemory

/// What stands in cairn.ini on the boot partition: a site file, and two sections of the image's own, `[system]` and
/// `[wireless]`, that no other program needs.
///
/// The site file that is made of it has each line at the same place, so that what is wrong with it is told by the
/// line in the file that the operator edits; lines of the image's own sections are empty there.
public struct BootFile: ~Copyable {
  /// A network with a passphrase (WPA2 or WPA3 personal).
  public struct Wireless: Sendable {
    /// The network's name, 1 to 32 bytes.
    public internal(set) var name = FixedText<32>()
    /// 8 to 63 printable ASCII characters.
    public internal(set) var passphrase = FixedText<63>()
    /// ISO 3166: which channels may be used.
    public internal(set) var country = FixedText<2>()
  }

  /// Nil without a `[wireless]` section.
  public internal(set) var wireless: Wireless?
  /// Empty when not given.
  public internal(set) var hostName = FixedText<63>()
  /// The lines of `[enrolment]` as they stand; empty without one.
  public private(set) var enrolmentCount = 0
  private var enrolmentBytes = InlineArray<1024, UInt8>(repeating: 0)
  private var siteBytes = InlineArray<16384, UInt8>(repeating: 0)
  private var siteCount = 0
  private var isTooLarge = false
  private var seen = InlineArray<2, Int>(repeating: 0)

  /// The site file that it stands for.
  public var site: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { siteBytes.span.extracting(0..<siteCount) }
  }

  /// The section `[enrolment]`.
  public var enrolment: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { enrolmentBytes.span.extracting(0..<enrolmentCount) }
  }

  private static var lineEnd: StaticString { "\n" }

  enum Part { case site, enrolment, system, wireless }

  /// Reads the file. `savedEnrolment` is the section that an earlier file had, for one from which it was wiped.
  /// Problems are added to `problems`; the value is to be used only when `problems.isUsable`.
  public init(
    parsing bytes: Span<UInt8>, savedEnrolment: Span<UInt8>, problems: inout ProblemList
  ) {
    var part = Part.site
    var hasPublicKey = false
    var lines = FileLines(bytes)
    while let line = lines.next() {
      let text = bytes.extracting(line.text)
      if !text.isEmpty, text[0] == UInt8(ascii: "[") {
        part = Self.part(of: text)
        begin(part, line.number, problems: &problems)
      }
      hasPublicKey = hasPublicKey || (part == .site && Self.isPublicKey(text))
      switch part {
      case .site: append(bytes.extracting(line.whole))
      case .enrolment:
        append(bytes.extracting(line.whole))
        keep(text, line.number, problems: &problems)
      case .system, .wireless:
        append(Self.lineEnd.bytes)
        guard !text.isEmpty, text[0] != UInt8(ascii: "[") else { continue }
        set(part, text, line.number, problems: &problems)
      }
    }
    finish(line: lines.number, problems: &problems)
    if enrolmentCount == 0, !savedEnrolment.isEmpty {
      append(Self.lineEnd.bytes)
      append(savedEnrolment)
    }
    guard !isTooLarge else {
      problems.refuse(.site, line: 1, .tooLarge, "the file is larger than 16 KiB")
      return
    }
    let site = SiteConfiguration(
      parsing: siteBytes.span.extracting(0..<siteCount), problems: &problems)
    // Beside whatever else is wrong: the operator mends all of it at once. A wrong value was told already.
    if site.lines.gateway > 0, site.gateway.publicKey == nil, !hasPublicKey {
      problems.refuse(
        .site, line: site.lines.gateway, .missingKey,
        "public_key is missing in [gateway]: whoever runs the gateway tells it; `cairn-gateway` shows its own"
      )
    }
    guard problems.isUsable else { return }
    arrange(bytes, savedEnrolment)
    // The enrolment at its end takes more room than where it stood: an invite that is cut is none.
    if isTooLarge {
      problems.refuse(
        .site, line: 1, .tooLarge, "the file is too large with its [enrolment]: at most 16 KiB")
    }
  }

  /// The site file as it is kept: the enrolment at its end, where it stays when it was wiped from the file. What is
  /// wiped changes no byte of the site file, and so no boot leaf tells of a new configuration.
  private mutating func arrange(_ bytes: Span<UInt8>, _ savedEnrolment: Span<UInt8>) {
    siteCount = 0
    var part = Part.site
    // Once its heading is wiped, the comments of `[enrolment]` are those of the section before.
    var isInEnrolment = false
    var lines = FileLines(bytes)
    while let line = lines.next() {
      let text = bytes.extracting(line.text)
      if !text.isEmpty, text[0] == UInt8(ascii: "[") {
        isInEnrolment = Self.part(of: text) == .enrolment
        if !isInEnrolment { part = Self.part(of: text) }
      }
      let isKept =
        part == .site && !text.isEmpty && !Self.isWiped(text)
        && !(isInEnrolment && Self.isToBeWiped(text))
      append(isKept ? bytes.extracting(line.whole) : Self.lineEnd.bytes)
    }
    let enrolment = enrolmentBytes
    let found = enrolment.span.extracting(0..<enrolmentCount)
    guard !found.isEmpty || !savedEnrolment.isEmpty else { return }
    append(Self.lineEnd.bytes)
    append(found.isEmpty ? savedEnrolment : found)
  }

  /// True for a line that was written over.
  static func isWiped(_ text: Span<UInt8>) -> Bool {
    text.count > 1 && text[0] == UInt8(ascii: "#") && text[1] == UInt8(ascii: "~")
  }

  private static func part(of heading: Span<UInt8>) -> Part {
    if heading.equals("[system]") { return .system }
    if heading.equals("[wireless]") { return .wireless }
    return heading.equals("[enrolment]") ? .enrolment : .site
  }

  /// True for a line that gives the gateway's key, whatever its value.
  private static func isPublicKey(_ text: Span<UInt8>) -> Bool {
    let name: StaticString = "public_key"
    var start = 0
    while start < text.count, text[start] == UInt8(ascii: " ") || text[start] == UInt8(ascii: "\t")
    {
      start += 1
    }
    let end = start + name.utf8CodeUnitCount
    return end <= text.count && text.extracting(start..<end).equals(name)
  }

  private mutating func begin(_ part: Part, _ line: Int, problems: inout ProblemList) {
    let index: Int
    switch part {
    case .site, .enrolment: return
    case .system: index = 0
    case .wireless:
      index = 1
      wireless = wireless ?? Wireless()
    }
    if seen[index] > 0 {
      problems.refuse(.site, line: line, .duplicateSection, "this section stands above already")
    } else {
      seen[index] = line
    }
  }

  private mutating func append(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
      guard siteCount < siteBytes.count else {
        isTooLarge = true
        return
      }
      siteBytes[siteCount] = bytes[index]
      siteCount += 1
    }
  }

  /// A line of `[enrolment]`, comments left out.
  private mutating func keep(_ text: Span<UInt8>, _ line: Int, problems: inout ProblemList) {
    guard !text.isEmpty, text[0] != UInt8(ascii: "#"), text[0] != UInt8(ascii: ";") else { return }
    guard enrolmentCount + text.count + 1 <= enrolmentBytes.count else {
      problems.refuse(.site, line: line, .tooLarge, "[enrolment] has more than 1024 bytes")
      return
    }
    for index in text.indices { enrolmentBytes[enrolmentCount + index] = text[index] }
    enrolmentBytes[enrolmentCount + text.count] = UInt8(ascii: "\n")
    enrolmentCount += text.count + 1
  }
}

/// The lines of a file, a byte order mark left out.
struct FileLines: ~Copyable, ~Escapable {
  struct Line {
    /// With its end.
    let whole: Range<Int>
    /// Without its end, and without blanks at its end.
    let text: Range<Int>
    /// From 1.
    let number: Int
  }
  private let bytes: Span<UInt8>
  private var offset = 0
  private(set) var number = 0

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    self.bytes = bytes
    let hasMark = bytes.count >= 3 && bytes[0] == 0xef && bytes[1] == 0xbb && bytes[2] == 0xbf
    offset = hasMark ? 3 : 0
  }

  mutating func next() -> Line? {
    guard offset < bytes.count else { return nil }
    let start = offset
    while offset < bytes.count, bytes[offset] != UInt8(ascii: "\n") { offset += 1 }
    var end = offset
    offset = min(offset + 1, bytes.count)
    while end > start, isBlank(bytes[end - 1]) || bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    number += 1
    return Line(whole: start..<offset, text: start..<end, number: number)
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
