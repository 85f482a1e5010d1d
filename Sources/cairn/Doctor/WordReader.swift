/// Cuts text into lines, and lines into words.
struct WordReader: ~Escapable {
  private let text: Span<UInt8>
  private var offset = 0
  private var start = 0
  private var end = 0

  @_lifetime(copy text)
  init(_ text: Span<UInt8>) { self.text = text }

  /// What was found last.
  var word: Span<UInt8> {
    @_lifetime(copy self)
    get { text.extracting(start..<end) }
  }

  mutating func nextLine() -> Bool { next { $0 == UInt8(ascii: "\n") } }
  mutating func nextWord() -> Bool { next { $0 == UInt8(ascii: " ") } }
  /// Between tabs.
  mutating func nextField() -> Bool { next { $0 == UInt8(ascii: "\t") } }

  private mutating func next(_ isBetween: (UInt8) -> Bool) -> Bool {
    while offset < text.count, isBetween(text[offset]) { offset += 1 }
    start = offset
    while offset < text.count, !isBetween(text[offset]) { offset += 1 }
    end = offset
    return end > start
  }
}
