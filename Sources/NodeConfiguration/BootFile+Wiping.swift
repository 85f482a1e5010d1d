import FixedMemory

/// An invite in a file that anyone can read who holds the card is taken over and then written over, byte by
/// byte: the file keeps its length, so that no block of the old one is left behind, and a write that is broken off
/// changes nothing but lines that are to be wiped. Those are the section's heading and settings, and comments that
/// have an invite which somebody has put away; other comments, such as the sample's lines for what comes next, stay.
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
      guard isInside, isToBeWiped(text) else { continue }
      hasWiped = true
      for index in line.text {
        let position = index - line.text.lowerBound
        wiped[index] = position < mark.bytes.count ? mark.bytes[position] : UInt8(ascii: "~")
      }
    }
    return hasWiped
  }

  /// True for a line of the section that holds of the invite.
  static func isToBeWiped(_ text: Span<UInt8>) -> Bool {
    guard !isWiped(text) else { return false }
    guard text[0] == UInt8(ascii: "#") || text[0] == UInt8(ascii: ";") else { return true }
    return hasInvite(text)
  }

  /// True for a comment with `authorization_…` and a value behind it that is base64url as a whole, or as long as no
  /// example: 16 characters.
  private static func hasInvite(_ comment: Span<UInt8>) -> Bool {
    let name: StaticString = "authorization_"
    let nameCount = name.utf8CodeUnitCount
    var index = 0
    while true {
      guard index + nameCount <= comment.count else { return false }
      if comment.extracting(index..<index + nameCount).equals(name) { break }
      index += 1
    }
    while index < comment.count, comment[index] != UInt8(ascii: "=") { index += 1 }
    index += 1
    while index < comment.count, isBlank(comment[index]) { index += 1 }
    guard index < comment.count else { return false }
    var run = 0
    var isWhole = true
    for place in index..<comment.count {
      run = base64urlDigit(comment[place]) == nil ? 0 : run + 1
      if run == 16 { return true }
      isWhole = isWhole && run > 0
    }
    return isWhole
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
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

  /// True when no line that `wiped` writes over has been begun: the first is still the section's heading, and no `~`
  /// stands in any, which no invite has. Such a file is the one from before the wiping, or one that somebody put in
  /// its place since.
  public static func isUntouched(_ found: Span<UInt8>, by wiped: Span<UInt8>) -> Bool {
    guard found.count == wiped.count else { return false }
    var lines = FileLines(wiped)
    var isFirst = true
    while let line = lines.next() {
      guard isWiped(wiped.extracting(line.text)) else { continue }
      if isFirst, !found.extracting(line.text).equals("[enrolment]") { return false }
      isFirst = false
      for index in line.text where found[index] == UInt8(ascii: "~") { return false }
    }
    return true
  }
}
