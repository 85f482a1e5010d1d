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

  private static let boards = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../Boards"
  ).standardizedFileURL

  /// /proc/device-tree/compatible of each board, as its kernel's device tree has it.
  private static let trees: [(String, String)] = [
    ("raspberrypi,3-model-b\0brcm,bcm2837\0", "raspberry-pi-3.ini"),
    ("raspberrypi,3-model-b-plus\0brcm,bcm2837\0", "raspberry-pi-3.ini"),
    ("raspberrypi,3-model-a-plus\0brcm,bcm2837\0", "raspberry-pi-3.ini"),
    ("raspberrypi,3-compute-module\0brcm,bcm2837\0", "raspberry-pi-3.ini"),
    ("raspberrypi,4-model-b\0brcm,bcm2711\0", "raspberry-pi-4.ini"),
    ("raspberrypi,4-compute-module\0brcm,bcm2711\0", "raspberry-pi-4.ini"),
    ("raspberrypi,400\0brcm,bcm2711\0", "raspberry-pi-4.ini"),
    ("raspberrypi,5-model-b\0brcm,bcm2712\0", "raspberry-pi-5.ini"),
    ("raspberrypi,5-compute-module\0brcm,bcm2712\0", "raspberry-pi-5.ini"),
    ("raspberrypi,500\0brcm,bcm2712\0", "raspberry-pi-5.ini"),
    ("raspberrypi,model-zero-2-w\0brcm,bcm2837\0", "raspberry-pi-zero-2-w.ini"),
    ("ti,am335x-bone-black\0ti,am335x-bone\0ti,am33xx\0", "beaglebone-black.ini"),
    ("pine64,rock64\0rockchip,rk3328\0", "rock64.ini"),
    ("xunlong,orangepi-zero3\0allwinner,sun50i-h618\0", "orange-pi-zero-3.ini"),
  ]

  @Test(arguments: trees)
  func everyBoardThatIsShippedIsFoundByItsDeviceTree(tree: String, file: String) throws {
    #expect(try choice(tree, in: Self.boards.path) == file)
  }

  @Test func boardsThatNoProfileNamesGetNone() throws {
    for tree in [
      "nobody,nothing\0", "raspberrypi,2-model-b\0brcm,bcm2836\0",
      "ti,am335x-bone-green\0ti,am335x-bone\0ti,am33xx\0",
      "xunlong,orangepi-zero2\0allwinner,sun50i-h616\0",
    ] { #expect(try choice(tree, in: Self.boards.path) == nil, "\(tree)") }
  }

  /// Chosen by hand or by nobody: these name no device tree.
  private static let unnamed: Set = ["generic.ini", "virtual.ini"]

  @Test func everyStringOfEveryProfileStandsInItAloneAndIsTested() throws {
    var owners: [String: String] = [:]
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.boards.path)
      .filter { $0.hasSuffix(".ini") }
    #expect(files.count == 9)
    for file in files {
      let text = try String(contentsOf: Self.boards.appending(path: file), encoding: .utf8)
      let lines = text.split(separator: "\n").filter { $0.hasPrefix("compatible = ") }
      #expect(lines.count == (Self.unnamed.contains(file) ? 0 : 1), "\(file)")
      for string in lines.flatMap({ $0.dropFirst("compatible = ".count).split(separator: " ") }) {
        #expect(owners[String(string)] == nil, "\(file): \(string)")
        owners[String(string)] = file
        #expect(
          Self.trees.contains { $0.0.hasPrefix(string + "\0") && $0.1 == file },
          "\(file): \(string) is in no device tree of the tests")
      }
    }
  }
}
