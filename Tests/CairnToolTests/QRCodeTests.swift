import Foundation
import Testing

@testable import cairn

private func dark(_ lines: [Substring], ascii: Bool) -> [[Bool]] {
  if ascii {
    return lines.map { line in
      let signs = Array(line)
      return stride(from: 0, to: signs.count, by: 2).map { signs[$0] == "#" }
    }
  }
  return lines.flatMap { line in
    [line.map { "\u{2580}\u{2588}".contains($0) }, line.map { "\u{2584}\u{2588}".contains($0) }]
  }
}

@Test func bothFormsShowTheSameCodeWithAQuietZone() throws {
  let node = try TestNode()
  var codes: [[[Bool]]] = []
  for (locale, margin) in [("C.UTF-8", 4), ("C", 3)] {
    let ending = try Tool.run(
      ["key", "show", "--qr"] + node.options, environment: ["LANG": locale])
    #expect(ending.status == 0 && !ending.output.contains("\u{1b}"))
    let lines = ending.lines.filter {
      !$0.isEmpty && $0.allSatisfy { " #\u{2580}\u{2584}\u{2588}".contains($0) }
    }
    for line in lines { #expect(line.count <= 80) }
    let rows = dark(lines, ascii: locale == "C")
    // 33 modules a side; a last half block may add an empty row.
    let inner = rows[margin..<margin + 33].map { Array($0[margin..<margin + 33]) }
    let count = rows.joined().count { $0 }
    #expect(count == inner.joined().count { $0 }, "the quiet zone is empty")
    codes.append(inner)
  }
  #expect(codes[0] == codes[1])
  // Finder patterns stand in three corners.
  let finder = [true, true, true, true, true, true, true, false]
  #expect(Array(codes[0][0][0..<8]) == finder && Array(codes[0][6][0..<8]) == finder)
  #expect(Array(codes[0][0][26..<33]) == Array(finder[0..<7]))
  #expect(Array(codes[0][32][0..<8]) == finder)
}

@Test func noCodeIsShownToProgramsOrFiles() throws {
  let node = try TestNode()
  #expect(try !node.run("key", "show").output.contains("\u{2580}"))
  #expect(try !node.run("key", "show", "--json").output.contains("\u{2580}"))
  #expect(try node.run("key", "show", "--json", "--qr").status == 2)
}

@Test func whatIsTooLongForATerminalIsNoCode() {
  for (count, width) in [(0, nil), (62, 33), (63, nil)] as [(Int, Int?)] {
    let text = [UInt8](repeating: 0x61, count: count)
    let code = QRCode(text.span)
    #expect(code?.width == width, "\(count)")
  }
}
