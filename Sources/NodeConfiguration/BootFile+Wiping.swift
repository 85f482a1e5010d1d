import FixedMemory

/// An invite in a file that anyone can read who holds the card is taken over and then written over, byte by
/// byte: the file keeps its length, so that no block of the old one is left behind, and a write that is broken off
/// changes nothing but lines that are to be wiped.
extension BootFile {
  /// How a wiped line begins; behind it stand `~` up to the line's old length.
  private static var mark: StaticString { "#~ taken over by this node " }

  /// Writes the file without its enrolment to the beginning of `wiped`: as many bytes as it has; false when there
  /// is none in it.
  public static func wipe(_ bytes: Span<UInt8>, into wiped: inout MutableSpan<UInt8>) -> Bool {
    precondition(wiped.count >= bytes.count, "no room for the wiped file")
    for index in bytes.indices { wiped[index] = bytes[index] }
    var lines = FileLines(bytes)
    var isInside = false
    var hasWiped = false
    while let line = lines.next() {
      let text = bytes.extracting(line.text)
      guard !text.isEmpty else { continue }
      if text[0] == UInt8(ascii: "[") { isInside = text.equals("[enrolment]") }
      // A comment there may be an invite that somebody has put away.
      guard isInside, !isWiped(text) else { continue }
      hasWiped = true
      for index in line.text {
        let position = index - line.text.lowerBound
        wiped[index] = position < mark.bytes.count ? mark.bytes[position] : UInt8(ascii: "~")
      }
    }
    return hasWiped
  }

  /// True when `found` is `wiped` or a file on the way to it: nothing differs but lines that were wiped.
  public static func isBeingWiped(_ found: Span<UInt8>, to wiped: Span<UInt8>) -> Bool {
    guard found.count == wiped.count else { return false }
    var lines = FileLines(wiped)
    var start = 0
    while let line = lines.next() {
      let text = wiped.extracting(line.text)
      let mayDiffer = isWiped(text)
      for index in start..<line.whole.upperBound {
        if !(mayDiffer && line.text.contains(index)), found[index] != wiped[index] { return false }
      }
      start = line.whole.upperBound
    }
    return true
  }
}
