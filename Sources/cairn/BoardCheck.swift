import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// Compares a board's profile with the machine, line by line. Nothing is opened that somebody may be using:
/// files are looked at, and GPIO chips are asked what they are.
///
///     profile       is it this machine's device tree
///     I2C, SPI      is the device file there, may this user open it; what switches it on
///     serial        the same, and does the kernel write its console there
///     GPIO          is a chip with the label there, has it that line, who holds it
struct BoardCheck<GPIO: GPIOInformationSource>: ~Copyable {
  private let machine: BoardMachine<GPIO>
  private let usage: BoardUsage
  private(set) var list = CheckList()
  /// The device tree is another board's: nothing else was looked at.
  private(set) var isOfAnotherBoard = false

  init(_ board: borrowing BoardProfile, usage: BoardUsage, machine: BoardMachine<GPIO>) {
    self.machine = machine
    self.usage = usage
    checkTree(board)
    guard !isOfAnotherBoard else { return }
    for index in board.buses.indices { check(board.buses[index]) }
    for index in board.serialLines.indices { check(board.serialLines[index]) }
    for index in board.spiBuses.indices { check(board.spiBuses[index], board) }
    checkLines(board)
    checkFile("serial number", board.serialFile)
    checkFile("card", board.cardFile)
  }

  /// 78 when the profile is another board's; otherwise the list's.
  var exitStatus: ExitStatus { isOfAnotherBoard ? .configuration : list.exitStatus }

  private mutating func checkTree(_ board: borrowing BoardProfile) {
    var row = CheckRow()
    row.subject.write("profile ")
    row.subject.write(board.name.span)
    let own = BoardChoice.string(0, of: machine.deviceTree)
    if !board.namesDeviceTrees {
      row.reason.write("names no device tree: it is for whoever names it")
    } else if let rank = board.rank(deviceTree: machine.deviceTree) {
      row.reason.write("is for this machine: ")
      row.reason.write(BoardChoice.string(rank, of: machine.deviceTree))
    } else {
      isOfAnotherBoard = true
      row.state = .failed
      row.reason.write("is the profile of another board: ")
      if machine.hasDeviceTree {
        row.reason.write("this machine is ")
        row.reason.write(own)
      } else {
        row.reason.write("this machine has no device tree")
      }
      row.remedy.write("Take its own profile: ")
      if let folder = machine.path(BoardChoice.profilesFolder.bytes),
        let best = BoardChoice.best(for: machine.deviceTree, in: folder)
      {
        row.remedy.write(lastName(of: best.span))
        row.remedy.write(" in ")
        row.remedy.write(BoardChoice.profilesFolder)
      } else {
        row.remedy.write("copy generic.ini to /etc/cairn/board.ini and fill it in")
      }
    }
    list.add(row)
  }

  private mutating func check(_ bus: BoardProfile.I2CBus) {
    var row = CheckRow()
    row.subject.write("I2C bus ")
    row.subject.write(bus.name.span)
    let need = usage.need(ofBus: bus.name)
    let remedy: StaticString
    if machine.has(lastName(of: bus.path.span), in: "/sys/bus/i2c/devices") {
      remedy =
        "The bus is on, its device file is not: `modprobe i2c-dev`, and i2c-dev into /etc/modules-load.d/cairn.conf"
    } else if machine.isRaspberryPi {
      remedy = "Write dtparam=i2c_arm=on into /boot/firmware/config.txt, and restart"
    } else {
      remedy = "Switch the bus on in the device tree: boards.md has how, for each board"
    }
    look(bus.place, bus.path, group: "i2c", need, remedy: remedy, &row)
    list.add(row)
  }

  private mutating func check(_ bus: BoardProfile.SPIBus, _ board: borrowing BoardProfile) {
    var row = CheckRow()
    row.subject.write("SPI bus ")
    row.subject.write(bus.name.span)
    look(
      bus.place, bus.path, group: "spi", usage.need(ofSPIBus: bus.name, board),
      remedy: machine.isRaspberryPi
        ? "Write dtparam=spi=on into /boot/firmware/config.txt, and restart"
        : "Switch the bus on in the device tree, with spidev on it: boards.md", &row)
    list.add(row)
  }

  private mutating func check(_ line: BoardProfile.SerialLine) {
    var row = CheckRow()
    row.subject.write("serial line ")
    row.subject.write(line.name.span)
    let need = usage.need(ofSerialLine: line.name)
    look(
      line.place, line.path, group: "dialout", need,
      remedy: isPluggedIn(line.path.span)
        ? "Plug it in; `dmesg` tells what the kernel made of it"
        : machine.isRaspberryPi
          ? "enable_uart=1 (Pi 5: dtparam=uart0=on) into /boot/firmware/config.txt, and restart"
          : "Switch the line on in the device tree: boards.md has how, for each board", &row)
    if row.state == .good, line.place == .device, machine.isConsole(line.path.span) {
      row.state = need.stateWhenWrong
      row.reason.write(": the kernel writes its console there")
      if need != .none {
        row.remedy.write(
          machine.isRaspberryPi
            ? "Take console=serial0,115200 out of /boot/firmware/cmdline.txt, and restart"
            : "Take its console= off the kernel's command line, mask its serial-getty@, and restart"
        )
      }
    }
    list.add(row)
  }

  /// A converter or a receiver on USB.
  private func isPluggedIn(_ path: Span<UInt8>) -> Bool {
    let name = lastName(of: path)
    let prefixes: InlineArray<2, StaticString> = ["ttyUSB", "ttyACM"]
    for index in prefixes.indices {
      let count = prefixes[index].utf8CodeUnitCount
      if name.count > count, name.extracting(0..<count).equals(prefixes[index]) { return true }
    }
    return false
  }

  /// Fills in state, reason and remedy from what stands at the path.
  private func look(
    _ place: BoardProfile.Place, _ path: PathText, group: StaticString, _ need: BoardUsage.Need,
    remedy: StaticString, _ row: inout CheckRow
  ) {
    row.reason.write(path.span)
    switch (place, machine.presence(of: path.span)) {
    case (.device, .device(true)), (.virtual, .device(true)), (.virtual, .socket(true)),
      (.usb, .socket(true)):
      break
    case (_, .device(false)), (_, .socket(false)):
      row.state = .unknown
      row.reason.write(": this user may not open it")
      row.remedy.write(
        "Ask as the agent's user: sudo -u cairn-agent cairn board check. For yourself: group ")
      row.remedy.write(group)
    case (_, .missing):
      row.state = need.stateWhenWrong
      row.reason.write(" is not there")
      guard need != .none else { break }
      switch place {
      case .device: row.remedy.write(remedy)
      case .virtual: row.remedy.write("Start cairn-simulate with this run folder")
      case .usb:
        row.remedy.write("Plug the adapter in, and look at `systemctl status 'cairn-usb@*'`")
      }
    case (.device, .socket(true)), (.usb, .device(true)), (_, .notADevice):
      row.state = need.stateWhenWrong
      row.reason.write(place == .usb ? " is no socket" : " is no device")
      row.remedy.write("Remove it, or name the right path in the profile")
    case (_, .unknown(let error)):
      row.state = .unknown
      row.reason.write(": the kernel does not tell, errno ")
      row.reason.write(decimal: Int64(error.errno))
    }
  }

  private mutating func checkFile(_ subject: StaticString, _ path: PathText) {
    var row = CheckRow()
    row.subject.write(subject)
    row.reason.write(path.span)
    switch machine.presence(of: path.span) {
    case .notADevice: break
    case .missing:
      row.state = .unused
      row.reason.write(" is not there: a key is bound without it")
    case .device, .socket, .unknown:
      row.state = .warning
      row.reason.write(" is no file that could be read")
    }
    list.add(row)
  }

  private mutating func checkLines(_ board: borrowing BoardProfile) {
    guard !board.gpioLines.isEmpty, let folder = machine.deviceFolder else { return }
    let directory = GPIOChipDirectory(folder: folder, source: machine.gpio)
    for index in board.gpioLines.indices {
      let line = board.gpioLines[index]
      var row = CheckRow()
      guard let chip = directory.chip(of: line) else {
        // Told once for all the lines of a chip.
        let label = line.chips[0]
        var isFirst = true
        for earlier in 0..<index where board.gpioLines[earlier].chips[0] == label {
          isFirst = false
        }
        guard isFirst else { continue }
        row.subject.write("GPIO chip ")
        row.subject.write(label.span)
        row.tellMissing(line, directory)
        list.add(row)
        continue
      }
      row.subject.write("GPIO line ")
      row.subject.write(line.name.span)
      if board.led == line.name { row.subject.write(" (LED)") }
      if board.button == line.name { row.subject.write(" (button)") }
      row.look(at: line, of: chip, directory, usage.need(ofGPIOLine: line.name, board))
      list.add(row)
    }
  }
}

extension CheckRow {
  /// Who holds a line for Cairn.
  private static var ownConsumer: StaticString { "cairn-agent" }

  /// Fills in state, reason and remedy of a GPIO line.
  fileprivate mutating func look<Source>(
    at line: BoardProfile.GPIOLine, of chip: GPIOChipDirectory<Source>.Chip,
    _ directory: borrowing GPIOChipDirectory<Source>, _ need: BoardUsage.Need
  ) {
    reason.write(untrusted: chip.information.label.span)
    reason.write(" line ")
    reason.write(decimal: Int64(line.offset))
    guard line.offset < chip.information.lineCount else {
      state = .warning
      reason.write(": the chip has only ")
      reason.write(decimal: Int64(chip.information.lineCount))
      remedy.write("Correct line in the profile: `gpioinfo` shows the chip's lines")
      return
    }
    do throws(SystemError) {
      let found = try directory.line(UInt32(line.offset), of: chip)
      guard found.isUsed else { return reason.write(", free") }
      reason.write(", held by ")
      if found.consumer.isEmpty {
        reason.write("the kernel")
      } else {
        reason.write(untrusted: found.consumer.span)
      }
      guard !found.consumer.span.equals(Self.ownConsumer) else { return }
      state = need.stateWhenWrong
      if need != .none {
        remedy.write("Free the line (an overlay or another program has it), or wire another one")
      }
    } catch {
      state = .unknown
      reason.write(": the chip does not tell, errno ")
      reason.write(decimal: Int64(error.errno))
    }
  }

  /// No chip has any of the line's labels.
  fileprivate mutating func tellMissing<Source>(
    _ line: BoardProfile.GPIOLine, _ directory: borrowing GPIOChipDirectory<Source>
  ) {
    if let failure = directory.failure {
      state = .unknown
      reason.write("a GPIO chip could not be asked, errno ")
      reason.write(decimal: Int64(failure.errno))
      remedy.write(
        "Ask as the agent's user: sudo -u cairn-agent cairn board check. For yourself: group gpio")
      return
    }
    state = .warning
    guard !directory.chips.isEmpty else {
      reason.write("there is no /dev/gpiochip at all")
      remedy.write("The kernel lacks GPIO character devices, or the chip's driver: look at `dmesg`")
      return
    }
    reason.write("no chip has that label")
    for index in line.chips.indices where index > 0 {
      reason.write(index == 1 ? ", or " : " ")
      reason.write(line.chips[index].span)
    }
    remedy.write("Write the right label into the profile. This kernel has:")
    for index in directory.chips.indices {
      guard let chip = directory.chips[index] else { continue }
      remedy.write(" ")
      remedy.write(untrusted: chip.information.label.span)
    }
  }
}

extension GPIOChipDirectory {
  /// The chip of a profile's line, by the first of its labels that is there.
  func chip(of line: BoardProfile.GPIOLine) -> Chip? {
    for index in line.chips.indices {
      if let chip = chip(labelled: line.chips[index].span) { return chip }
    }
    return nil
  }
}
