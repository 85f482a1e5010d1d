import Foundation
import Testing

private let boards = URL(filePath: #filePath).deletingLastPathComponent().appending(
  path: "../../Boards"
).standardizedFileURL.path

@Suite struct BoardCommandTests {
  @Test func everyShippedProfileIsShownInLinesThatFitATerminal() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: boards)
      .filter { $0.hasSuffix(".ini") }
    #expect(files.count == 9)
    for file in files {
      let shown = try Tool.run(["board", "show", "--board", "\(boards)/\(file)"])
      #expect(shown.status == 0 && shown.words.contains("named with --board"), "\(shown.error)")
      for line in shown.lines where !line.contains("Boards/") {
        #expect(line.count <= 80, "\(file): \(line)")
      }
      let json = try Tool.run(["board", "show", "--json", "--board", "\(boards)/\(file)"]).json()
      #expect((json["name"] as? String).map { $0 + ".ini" } == file)
      #expect(json["found"] as? String == "named" && json["i2c"] is [Any])
    }
  }

  @Test func theWiringOfAHatIsShown() throws {
    let path = "\(boards)/raspberry-pi-5.ini"
    let shown = try Tool.run(["board", "show", "--board", path])
    #expect(
      shown.words.contains(
        "waveshare-sx1262 sx1262 on spi0-0, reset gpio18, busy gpio20, interrupt gpio16"))
    let json = try Tool.run(["board", "show", "--board", path, "--json"]).json()
    let hats = try #require(json["lora"] as? [[String: Any]])
    let dragino = try #require(hats.first { $0["name"] as? String == "dragino" })
    #expect(dragino["reset"] as? String == "gpio17" && dragino["busy"] is NSNull)
    let lines = try #require(json["gpio"] as? [[String: Any]])
    #expect(lines.allSatisfy { $0["chips"] as? [String] == ["pinctrl-rp1"] } && lines.count == 15)
  }

  @Test func howAChipIsBuiltInIsShownWhereItIsNotTheUsual() throws {
    let node = try TestNode()
    let path = node.folder.appending(path: "b.ini").path
    try Data(
      """
      [board]
      name = x
      [gpio.b]
      chip = c
      line = 1
      [spi.s]
      virtual = spi-0.sock
      [lora.one]
      chip = sx1262
      spi = s
      busy = b
      tcxo = 1.8 V
      dc_dc = no
      dio2_switch = no
      [lora.two]
      chip = sx1276
      spi = s
      pa_boost = no

      """.utf8
    ).write(to: URL(filePath: path))
    let shown = try Tool.run(["board", "show", "--board", path])
    #expect(
      shown.words.contains(
        "one sx1262 on s, busy b, TCXO at 1.8 V, no DC-DC converter, antenna not switched by DIO2"),
      "\(shown.words)")
    #expect(shown.words.contains("two sx1276 on s, antenna at RFO"))
    let json = try Tool.run(["board", "show", "--board", path, "--json"]).json()
    let wirings = try #require(json["lora"] as? [[String: Any]])
    #expect(wirings[0]["tcxo"] as? String == "1.8 V" && wirings[1]["tcxo"] is NSNull)
    #expect(wirings[0]["dcdc"] as? Bool == false && wirings[1]["dcdc"] as? Bool == true)
    #expect(wirings[0]["dio2Switch"] as? Bool == false)
    #expect(wirings[1]["paBoost"] as? Bool == false)
  }

  @Test func aProfileBesideTheSiteFileIsFoundAndSaid() throws {
    let node = try TestNode()
    let own =
      "[board]\nname = own\n[i2c.a]\nusb = a.sock\n[spi.b]\nusb = a.sock\nselect = 2\n[gpio.x]\nchip = c\nline = 3\n"
      + "active_low = yes\nbias = pull-up\n[button]\nline = x\n"
    try Data(own.utf8).write(to: node.folder.appending(path: "board.ini"))
    let shown = try node.run("board", "show")
    #expect(shown.status == 0, "\(shown.error)")
    #expect(shown.words.contains("found beside the site file"))
    #expect(shown.words.contains("a.sock, served by cairn-usb"))
    #expect(shown.words.contains("MHz, select D2, 250 ms a request"), "\(shown.words)")
    #expect(
      shown.words.contains("x c 3, low means on, pull-up") && shown.words.contains("button x"))
    let json = try node.run("board", "show", "--json").json()
    #expect(json["found"] as? String == "beside-site")
    let buses = try #require(json["spi"] as? [[String: Any]])
    #expect(buses[0]["select"] as? Int == 2 && buses[0]["timeoutMilliseconds"] as? Int == 250)
  }

  @Test func aMachineThatNoProfileNamesIsToldWhatToDo() throws {
    let node = try TestNode()
    for word in ["show", "check"] {
      let ending = try node.run("board", word)
      #expect(ending.status == 69 && ending.output.isEmpty, "\(ending.error)")
      #expect(ending.error.contains("/usr/share/cairn/boards"))
    }
  }

  @Test func aProfileThatCanNotBeUsedIsRefusedWithItsLine() throws {
    let node = try TestNode()
    let path = node.folder.appending(path: "b.ini").path
    try Data("[board]\nname = x\n[led]\nline = y\n".utf8).write(to: URL(filePath: path))
    for word in ["show", "check"] {
      let ending = try Tool.run(["board", word, "--board", path])
      #expect(ending.status == 78 && ending.error.contains("b.ini:4: line: \"y\""))
      let missing = try Tool.run(["board", word, "--board", path + "x"])
      #expect(missing.status == 78 && missing.error.contains("no such file"))
    }
  }

  @Test func theProfileOfAnotherBoardIsRefusedAlikeForPeopleAndPrograms() throws {
    // Whatever runs this is no such board.
    let node = try TestNode()
    let path = node.folder.appending(path: "b.ini").path
    try Data("[board]\nname = x\ncompatible = nobody,nothing\n".utf8).write(
      to: URL(filePath: path))
    let told = try Tool.run(["board", "check", "--board", path])
    #expect(told.status == 78 && told.words.contains("is the profile of another board"))
    let json = try Tool.run(["board", "check", "--json", "--board", path])
    #expect(json.status == 78)
    let object = try json.json()
    #expect(object["ofAnotherBoard"] as? Bool == true && object["worst"] as? String == "failed")
    #expect((object["checks"] as? [Any])?.count == 1)
  }

  @Test func aSensorWithoutItsBusIsToldInTheRowsAndTheStatus() throws {
    let node = try TestNode()
    let missing = node.folder.path + "/i2c-9"
    try Data("[board]\nname = x\n[i2c.a]\ndevice = \(missing)\n".utf8).write(
      to: node.folder.appending(path: "board.ini"))
    #expect(try node.run("board", "check").status == 0)
    try Data(
      "[gateway]\nurl = https://gateway.example\n[sensor.s]\nchip = sht3x\nbus = a\n".utf8
    ).write(to: node.folder.appending(path: "site.ini"))
    let ending = try node.run("board", "check")
    #expect(ending.status == 69 && ending.words.contains("failed I2C bus a"))
    for line in ending.lines where !line.contains("/tmp/") { #expect(line.count <= 80, "\(line)") }
  }
}
