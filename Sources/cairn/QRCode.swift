import CQREncode
import FixedMemory
import NodeFiles

/// A QR code on a terminal of 80 columns.
///
/// A cell of a UTF-8 terminal is two modules high: 33 modules and a quiet zone of 4 on each side are 41
/// columns. In ASCII a module is two columns wide, `##` when it is dark, and the quiet zone has 3, so that 78
/// columns are enough. Where colours may be used it is black on white whatever the terminal's own colours are;
/// without them its ink stands for black, so that on a dark terminal it is inverted, which readers take as well.
struct QRCode {
  /// Version 4: 33 modules a side, 62 bytes with error correction M. A did:key has at most 57.
  private static var maximumWidth: Int { 33 }

  /// Row by row, 1 for a dark module.
  private var modules = InlineArray<1089, UInt8>(repeating: 0)
  let width: Int

  /// Nil when the text is longer than 62 bytes, or there is no memory for it.
  init?(_ text: Span<UInt8>) {
    guard !text.isEmpty, text.count <= 62 else { return nil }
    var span = modules.mutableSpan
    let result = unsafe span.withUnsafeMutableBufferPointer { modules in
      unsafe text.withUnsafeBufferPointer {
        unsafe cairn_qr_encode(
          $0.baseAddress, Int32($0.count), modules.baseAddress, Int32(modules.count))
      }
    }
    guard result > 0, result <= Self.maximumWidth else { return nil }
    width = Int(result)
  }

  /// False outside of the code: the quiet zone.
  func isDark(_ row: Int, _ column: Int) -> Bool {
    guard row >= 0, row < width, column >= 0, column < width else { return false }
    return modules[row * width + column] == 1
  }
}

extension Output {
  /// Writes a text as a QR code; nothing when it is too long for one (62 bytes). For people at a terminal: whoever
  /// calls asks `arguments.wantsQR`.
  mutating func write(qrCode text: Span<UInt8>) {
    guard let code = QRCode(text) else { return }
    newLine()
    if console.hasUnicode { writeHalfBlocks(code) } else { writeSigns(code) }
    newLine()
  }

  private mutating func writeHalfBlocks(_ code: QRCode) {
    for row in stride(from: -4, to: code.width + 4, by: 2) {
      if console.hasColour { escape("30;47") }
      for column in -4..<code.width + 4 {
        switch (code.isDark(row, column), code.isDark(row + 1, column)) {
        case (true, true): write("\u{2588}")
        case (true, false): write("\u{2580}")
        case (false, true): write("\u{2584}")
        case (false, false): write(" ")
        }
      }
      plain()
      newLine()
    }
  }

  private mutating func writeSigns(_ code: QRCode) {
    for row in -3..<code.width + 3 {
      for column in -3..<code.width + 3 {
        let isDark = code.isDark(row, column)
        // Signs of the colour of their ground: no gap is left between them.
        if console.hasColour { escape(isDark ? "30;40" : "37;47") }
        write(isDark ? "##" : "  ")
      }
      plain()
      newLine()
    }
  }
}

extension Arguments {
  /// A code is for people: on a terminal, or wherever --qr asks for one.
  borrowing func wantsQR(_ console: Console) -> Bool {
    if isJSON {
      if has(.qr) { end(.usage, "cairn: --qr is for people, --json for programs: one of them") }
      return false
    }
    return has(.qr) || console.isTerminal
  }
}
