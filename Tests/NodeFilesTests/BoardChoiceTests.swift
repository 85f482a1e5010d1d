import FixedMemory
import Foundation
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Testing

/// Which profile is taken for which device tree. The folders are tests' own, or Boards/ itself.
@Suite final class BoardChoiceTests {
  private let folder = FileManager.default.temporaryDirectory.appending(
    path: "cairn-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit {
    do { try FileManager.default.removeItem(at: folder) } catch { print("not removed: \(folder)") }
  }

  private func write(_ name: String, _ compatible: String, isDamaged: Bool = false) throws {
    let text = "[board]\nname = test\ncompatible = \(compatible)\n" + (isDamaged ? "[i2c\n" : "")
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  /// The name of the chosen file; nil when there is none.
  private func choice(_ tree: String, in folder: String) throws -> String? {
    let bytes = Array(folder.utf8)
    guard let path = FixedPath(bytes.span) else { return "the folder's path is too long" }
    let found = BoardChoice.best(for: Array(tree.utf8).span, in: path)
    return found.map { text in
      let span = text.span
      let bytes = span.indices.map { span[$0] }
      return URL(filePath: String(decoding: bytes, as: UTF8.self)).lastPathComponent
    }
  }

  @Test func theProfileOfTheMostSpecificStringIsTaken() throws {
    try write("a.ini", "maker,family")
    try write("b.ini", "maker,model-2 maker,model-1")
    try write("c.ini", "maker,chip")
    let tree = "maker,model-1\0maker,family\0maker,chip\0"
    #expect(try choice(tree, in: folder.path) == "b.ini")
    #expect(try choice("maker,model-9\0maker,family\0maker,chip\0", in: folder.path) == "a.ini")
    #expect(try choice("maker,chip\0", in: folder.path) == "c.ini")
    for other in ["", "\0", "maker,model\0", "maker,model-1x\0"] {
      #expect(try choice(other, in: folder.path) == nil, "\(other)")
    }
  }

  @Test func ofTwoThatFitAlikeTheFirstByNameIsTaken() throws {
    for name in ["z.ini", "b.ini", "c.ini"] { try write(name, "maker,model") }
    #expect(try choice("maker,model\0", in: folder.path) == "b.ini")
  }

  @Test func whatIsNoProfileIsPassedOver() throws {
    try write("a.ini", "maker,model", isDamaged: true)
    try write("b.txt", "maker,model")
    try FileManager.default.createDirectory(
      at: folder.appending(path: "c.ini"), withIntermediateDirectories: true)
    #expect(try choice("maker,model\0", in: folder.path) == nil)
    try write("d.ini", "maker,model")
    #expect(try choice("maker,model\0", in: folder.path) == "d.ini")
    #expect(try choice("maker,model\0", in: folder.path + "/none") == nil)
  }

  @Test func everyBoardThatIsShippedIsFoundByItsDeviceTree() throws {
    let boards = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../Boards"
    ).standardizedFileURL.path
    #expect(
      try choice("raspberrypi,4-model-b\0brcm,bcm2711\0", in: boards) == "raspberry-pi-4.ini")
    #expect(try choice("nobody,nothing\0", in: boards) == nil)
  }
}
