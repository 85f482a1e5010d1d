import Foundation
import Simulation
import Testing

@testable import Spool

private func hex(_ bytes: some Sequence<UInt8>) -> String {
  let text = bytes.map { String(format: "%02x", $0) }.joined()
  return text.isEmpty ? "-" : text
}

/// Runs Tests/Outside/spool_reader.py, which was written from docs/spool-format.md, on an image.
private func outsideReading(_ image: [UInt8]) throws -> [String] {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("spool-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer {
    do { try FileManager.default.removeItem(at: folder) } catch { Issue.record(error) }
  }
  let file = folder.appendingPathComponent("spool")
  try Data(image).write(to: file)
  let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Outside/spool_reader.py")
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", script.path, file.path]
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let output = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0)
  return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
}

/// What ours shows, in the same words.
private func ownReading(_ medium: FaultyMedium) throws -> [String] {
  var reader = try Reader(opening: FaultyStorage(medium, isReadOnly: true))
  let geometry = reader.geometry
  let id = geometry.spoolID.span.withUnsafeBufferPointer { Array($0) }
  var lines = ["spool \(hex(id)) \(geometry.segmentCount) x \(geometry.segmentByteCount)"]
  lines.append("mark released \(reader.releasedThrough) delivered \(reader.deliveredThrough)")
  var buffer = [UInt8](repeating: 0, count: 65536)
  var span = buffer.mutableSpan
  let note = try reader.note(into: &span)
  lines.append("note " + (note.map { hex(buffer[..<$0]) } ?? "none"))
  guard reader.currentSegment != nil else { return lines }
  repeat {
    let segment = reader.currentSegment
    var context = buffer.mutableSpan
    let count = try reader.copyContext(into: &context)
    lines.append(
      "segment \(segment?.number ?? 0) from \(segment?.firstSequence ?? 0)"
        + " context \(hex(buffer[..<count]))")
    let last = segment?.number
    while true {
      var payload = buffer.mutableSpan
      guard let entry = try reader.next(into: &payload) else { return lines }
      if reader.currentSegment?.number != last {
        try reader.seek(toSequence: entry.sequence)
        break
      }
      lines.append(
        "entry \(entry.sequence) type \(entry.type) items \(entry.itemCount)"
          + " payload \(hex(buffer[..<entry.payloadByteCount]))")
    }
  } while true
}

@Test func aReaderWrittenFromTheDocumentShowsTheSame() throws {
  let medium = try formattedMedium()
  #expect(try outsideReading(medium.cached) == ownReading(medium))
  var writer = try recover(medium)
  for number in 1...5 {
    try writer.beginOverwriting("context of \(number)")
    for count in [0, 1, 600] { try writer.append(count + number) }
    try writer.append(0)
    try writer.commit()
    if number == 3 {
      try writer.markDelivered(through: 5)
      try writer.storeNote("one")
      try writer.storeNote("two")
    }
  }
  try writer.append(100)
  #expect(try outsideReading(medium.cached) == ownReading(medium))
  // And after a recovery, with entries of two incarnations in a segment.
  writer = try recover(medium)
  try writer.append(33)
  try writer.commit()
  let lines = try ownReading(medium)
  #expect(lines.count == 3 + 3 + 4 + 4 + 6)
  #expect(try outsideReading(medium.cached) == lines)
}
