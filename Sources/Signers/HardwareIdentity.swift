import FixedMemory

/// What tells one board and card from another: the serial numbers that the kernel shows. They are not
/// secret and prove nothing; a key file names them so that a copied card is noticed before it signs.
public struct HardwareIdentity: Sendable {
  /// Of one serial number. The longest known: a card's CID has 32 digits.
  public static var maximumByteCount: Int { 40 }

  /// Empty when not known.
  public private(set) var board = FixedText<40>()
  public private(set) var card = FixedText<40>()

  /// Nothing is known.
  public init() {}

  /// From what the kernel's files hold: blanks, line ends and zero bytes around it are left out. What is not
  /// a serial number of 1 to 40 printable characters counts as unknown.
  public init(board: Span<UInt8>, card: Span<UInt8>) {
    self.board = Self.serialNumber(board)
    self.card = Self.serialNumber(card)
  }

  private static func serialNumber(_ text: Span<UInt8>) -> FixedText<40> {
    var (start, end) = (0, text.count)
    while start < end, text[start] <= 0x20 { start += 1 }
    while end > start, text[end - 1] <= 0x20 { end -= 1 }
    let trimmed = text.extracting(start..<end)
    for index in trimmed.indices where trimmed[index] <= 0x20 || trimmed[index] >= 0x7f {
      return FixedText()
    }
    return FixedText(trimmed) ?? FixedText()
  }

  /// What to think of hardware on which a key is found.
  public enum Finding: Equatable, Sendable {
    case same
    /// Nothing contradicts, and something is known that was not: the key is to be bound to it.
    case moreKnown
    /// Another board, or one that no longer shows its number.
    case otherBoard
    /// Another card.
    case otherCard
  }

  /// Compares what a key is bound to with what is there.
  public func compare(found: HardwareIdentity) -> Finding {
    if !board.isEmpty, !board.span.equals(found.board.span) { return .otherBoard }
    if !card.isEmpty, !card.span.equals(found.card.span) { return .otherCard }
    let isMore = board.isEmpty != found.board.isEmpty || card.isEmpty != found.card.isEmpty
    return isMore ? .moreKnown : .same
  }
}
