import FixedMemory
import NodeConfiguration

/// A board's profile for people: one line for each part, in columns.
extension Output {
  private static var nameColumn: Int { 10 }
  private static var placeColumn: Int { 28 }

  mutating func write(_ board: borrowing FoundBoard) {
    write("board", .heading)
    pad(to: Self.nameColumn)
    write(untrusted: board.profile.name.span)
    newLine()
    pad(to: Self.nameColumn)
    write(untrusted: board.path.span)
    newLine()
    pad(to: Self.nameColumn)
    switch board.way {
    case .named: write("named with --board")
    case .besideSite: write("found beside the site file")
    case .deviceTree(let string):
      write("found by the device tree: ")
      write(untrusted: string.span)
    }
    newLine()
    writeBuses(board.profile)
    writeLines(board.profile)
    writeRadios(board.profile)
    begin("keys", isFirst: true)
    write("bound to ")
    write(untrusted: board.profile.serialFile.span)
    newLine()
    pad(to: Self.nameColumn)
    write("     and ")
    write(untrusted: board.profile.cardFile.span)
    newLine()
  }

  /// The kind stands before the first of its parts.
  private mutating func begin(_ kind: StaticString, isFirst: Bool) {
    if isFirst { write(kind, .heading) }
    pad(to: Self.nameColumn)
  }

  private mutating func begin(_ kind: StaticString, _ index: Int, _ name: Name) {
    begin(kind, isFirst: index == 0)
    write(untrusted: name.span)
    pad(to: Self.placeColumn)
  }

  private mutating func write(_ place: BoardProfile.Place, _ path: PathText) {
    write(untrusted: path.span)
    switch place {
    case .device: break
    case .virtual: write(", simulated")
    case .usb: write(", served by cairn-usb")
    }
  }

  private mutating func writeBuses(_ board: borrowing BoardProfile) {
    for index in board.buses.indices {
      let bus = board.buses[index]
      begin("i2c", index, bus.name)
      write(bus.place, bus.path)
      write(", ")
      write(duration: bus.timeoutMilliseconds)
      write(" a transfer")
      newLine()
    }
    for index in board.serialLines.indices {
      let line = board.serialLines[index]
      begin("serial", index, line.name)
      write(line.place, line.path)
      write(", ")
      write(UInt64(line.baud))
      write(" baud")
      newLine()
    }
    for index in board.spiBuses.indices {
      let bus = board.spiBuses[index]
      begin("spi", index, bus.name)
      write(bus.place, bus.path)
      write(", ")
      let isWhole = bus.clockHertz % 1_000_000 == 0
      write(UInt64(bus.clockHertz / (isWhole ? 1_000_000 : 1000)))
      write(isWhole ? " MHz" : " kHz")
      if bus.place == .usb {
        write(", select D")
        write(UInt64(bus.select))
        write(", ")
        write(duration: bus.timeoutMilliseconds)
        write(" a request")
      }
      newLine()
    }
  }

  private mutating func writeLines(_ board: borrowing BoardProfile) {
    for index in board.gpioLines.indices {
      let line = board.gpioLines[index]
      begin("gpio", index, line.name)
      for chip in line.chips.indices {
        if chip > 0 { write(" or ") }
        write(untrusted: line.chips[chip].span)
      }
      write(" ")
      write(UInt64(line.offset))
      if line.isActiveLow { write(", low means on") }
      if line.bias != .asIs {
        write(", ")
        write(line.bias.text)
      }
      newLine()
    }
    if let led = board.led {
      begin("led", isFirst: true)
      write(untrusted: led.span)
      newLine()
    }
    if let button = board.button {
      begin("button", isFirst: true)
      write(untrusted: button.span)
      newLine()
    }
  }

  private mutating func writeRadios(_ board: borrowing BoardProfile) {
    for index in board.loRaWirings.indices {
      let wiring = board.loRaWirings[index]
      begin("lora", index, wiring.name)
      var text = RowText()
      text.append(wiring.chip.text)
      text.append(" on ")
      text.append(wiring.spi.span)
      append(", reset ", wiring.reset, to: &text)
      append(", busy ", wiring.busy, to: &text)
      append(", interrupt ", wiring.interrupt, to: &text)
      append(", receive ", wiring.receive, to: &text)
      append(wiring, to: &text)
      paragraph(text.span, indentation: Self.placeColumn)
      newLine()
    }
  }

  /// How the chip is built in, where that is not the usual.
  private func append(_ wiring: BoardProfile.LoRaWiring, to text: inout RowText) {
    if let voltage = wiring.oscillatorVoltage {
      text.append(", TCXO at ")
      text.append(voltage)
    }
    if !wiring.hasConverter { text.append(", no DC-DC converter") }
    if !wiring.switchesAntennaByDIO2 { text.append(", antenna not switched by DIO2") }
    if !wiring.usesBoostPin { text.append(", antenna at RFO") }
  }

  private func append(_ what: StaticString, _ name: Name?, to text: inout RowText) {
    guard let name else { return }
    text.append(what)
    text.append(name.span)
  }
}

/// The same for programs.
extension Output {
  mutating func writeJSON(_ board: borrowing FoundBoard) {
    beginObject()
    member("name", text: board.profile.name.span)
    member("file", text: board.path.span)
    switch board.way {
    case .named:
      member("found", text: "named")
      member(null: "by")
    case .besideSite:
      member("found", text: "beside-site")
      member(null: "by")
    case .deviceTree(let string):
      member("found", text: "device-tree")
      member("by", text: string.span)
    }
    members(ofBuses: board.profile)
    members(ofLines: board.profile)
    beginArray("lora")
    for index in board.profile.loRaWirings.indices {
      let wiring = board.profile.loRaWirings[index]
      beginObject()
      member("name", text: wiring.name.span)
      member("chip", text: wiring.chip.text)
      member("spi", text: wiring.spi.span)
      member("reset", wiring.reset)
      member("busy", wiring.busy)
      member("interrupt", wiring.interrupt)
      member("receive", wiring.receive)
      if let voltage = wiring.oscillatorVoltage {
        member("tcxo", text: voltage)
      } else {
        member(null: "tcxo")
      }
      member("dcdc", wiring.hasConverter)
      member("dio2Switch", wiring.switchesAntennaByDIO2)
      member("paBoost", wiring.usesBoostPin)
      endObject()
    }
    endArray()
    member("led", board.profile.led)
    member("button", board.profile.button)
    member("serialFile", text: board.profile.serialFile.span)
    member("cardFile", text: board.profile.cardFile.span)
    endDocument()
  }

  private mutating func members(ofBuses board: borrowing BoardProfile) {
    beginArray("i2c")
    for index in board.buses.indices {
      let bus = board.buses[index]
      beginObject()
      members(bus.name, bus.place, bus.path)
      member("timeoutMilliseconds", bus.timeoutMilliseconds)
      endObject()
    }
    endArray()
    beginArray("serial")
    for index in board.serialLines.indices {
      let line = board.serialLines[index]
      beginObject()
      members(line.name, line.place, line.path)
      member("baud", UInt64(line.baud))
      endObject()
    }
    endArray()
    beginArray("spi")
    for index in board.spiBuses.indices {
      let bus = board.spiBuses[index]
      beginObject()
      members(bus.name, bus.place, bus.path)
      member("clockHertz", bus.clockHertz)
      // Of a stick alone.
      if bus.place == .usb {
        member("select", UInt64(bus.select))
        member("timeoutMilliseconds", bus.timeoutMilliseconds)
      } else {
        member(null: "select")
        member(null: "timeoutMilliseconds")
      }
      endObject()
    }
    endArray()
  }

  private mutating func members(ofLines board: borrowing BoardProfile) {
    beginArray("gpio")
    for index in board.gpioLines.indices {
      let line = board.gpioLines[index]
      beginObject()
      member("name", text: line.name.span)
      beginArray("chips")
      for chip in line.chips.indices { element(text: line.chips[chip].span) }
      endArray()
      member("line", UInt64(line.offset))
      member("activeLow", line.isActiveLow)
      member("bias", text: line.bias.text)
      endObject()
    }
    endArray()
  }

  private mutating func members(_ name: Name, _ place: BoardProfile.Place, _ path: PathText) {
    member("name", text: name.span)
    switch place {
    case .device: member("place", text: "device")
    case .virtual: member("place", text: "virtual")
    case .usb: member("place", text: "usb")
    }
    member("path", text: path.span)
  }

  private mutating func member(_ key: StaticString, _ name: Name?) {
    if let name { member(key, text: name.span) } else { member(null: key) }
  }
}

extension BoardProfile.GPIOLine.Bias {
  /// As it stands in a profile.
  var text: StaticString {
    switch self {
    case .asIs: "as-is"
    case .pullUp: "pull-up"
    case .pullDown: "pull-down"
    case .disabled: "disabled"
    }
  }
}
