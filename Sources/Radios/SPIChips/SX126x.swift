import FixedMemory
import LoRa

/// SX1261, SX1262 and LLCC68: commands of the data sheet (rev. 2.1, chapters 11 and 13), its known limitations
/// (chapter 15).
private enum Command {
  static var standby: UInt8 { 0x80 }
  static var receive: UInt8 { 0x82 }
  static var transmit: UInt8 { 0x83 }
  static var setFrequency: UInt8 { 0x86 }
  static var calibrate: UInt8 { 0x89 }
  static var packetType: UInt8 { 0x8a }
  static var modulation: UInt8 { 0x8b }
  static var packet: UInt8 { 0x8c }
  static var power: UInt8 { 0x8e }
  static var bases: UInt8 { 0x8f }
  static var amplifier: UInt8 { 0x95 }
  static var regulator: UInt8 { 0x96 }
  static var oscillator: UInt8 { 0x97 }
  static var calibrateImage: UInt8 { 0x98 }
  static var antennaSwitch: UInt8 { 0x9d }
  static var clearInterrupts: UInt8 { 0x02 }
  static var clearErrors: UInt8 { 0x07 }
  static var interruptLines: UInt8 { 0x08 }
  static var writeRegister: UInt8 { 0x0d }
  static var writeBuffer: UInt8 { 0x0e }
  static var getPacketType: UInt8 { 0x11 }
  static var getInterrupts: UInt8 { 0x12 }
  static var bufferStatus: UInt8 { 0x13 }
  static var packetStatus: UInt8 { 0x14 }
  static var instantPower: UInt8 { 0x15 }
  static var getErrors: UInt8 { 0x17 }
  static var readRegister: UInt8 { 0x1d }
  static var readBuffer: UInt8 { 0x1e }
  static var status: UInt8 { 0xc0 }
}

private enum Register {
  static var version: UInt16 { 0x0320 }
  /// Bit 2: 0 with inverted IQ, else 1 (15.4).
  static var invertedIQ: UInt16 { 0x0736 }
  static var syncWord: UInt16 { 0x0740 }
  /// In no data sheet, but in the maker's own driver; bits 6 to 4: coding rate in the header of the last frame.
  static var codingRate: UInt16 { 0x0749 }
  /// In no data sheet; bit 4 of the first byte: the frame had a checksum, the 20 bits behind it: frequency error.
  static var frequencyError: UInt16 { 0x076b }
  /// Bit 2: 0 at 500 kHz, else 1 (15.1).
  static var modulationQuality: UInt16 { 0x0889 }
  static var gain: UInt16 { 0x08ac }
  /// |= 0x1e on chips with the strong amplifier (15.2).
  static var clamp: UInt16 { 0x08d8 }
  static var currentLimit: UInt16 { 0x08e7 }
}

private enum Flag {
  static var sent: UInt16 { 0x0001 }
  static var received: UInt16 { 0x0002 }
  static var headerWrong: UInt16 { 0x0020 }
  static var checksumWrong: UInt16 { 0x0040 }
  static var timeout: UInt16 { 0x0200 }
  static var wanted: UInt16 { 0x0263 }
}

private let receptionMode: UInt8 = 5

extension ChipMachine {
  /// What stands at `index` of the script.
  mutating func sx126xPlace(_ script: ChipScript) -> ChipPlace {
    switch script {
    case .identify: placeOfIdentification()
    case .setUp: placeOfSetUp()
    case .configure: placeOfConfiguration(target ?? .none)
    case .listen: placeOfListening(target ?? .none)
    case .fetch: placeOfFetch()
    case .send: placeOfSending(target ?? .none)
    case .noise: placeOfNoise()
    case .poll: placeOfPoll()
    }
  }

  /// Also the last byte of a command.
  private mutating func command(_ code: UInt8) -> ChipPlace {
    transfer.put(code)
    return .transfer
  }

  private mutating func command(_ code: UInt8, _ value: UInt8) -> ChipPlace {
    transfer.put(code)
    transfer.put(value)
    return .transfer
  }

  private mutating func write(_ register: UInt16, _ value: UInt8) -> ChipPlace {
    transfer.put(Command.writeRegister)
    transfer.put(word: register)
    return command(value)
  }

  /// The values stand behind four bytes.
  private mutating func read(_ register: UInt16, _ count: Int = 1) -> ChipPlace {
    transfer.put(Command.readRegister)
    transfer.put(word: register)
    transfer.putZeros(1 + count)
    return .transfer
  }

  /// The values stand behind two bytes.
  private mutating func ask(_ code: UInt8, _ count: Int) -> ChipPlace {
    transfer.put(code)
    transfer.putZeros(1 + count)
    return .transfer
  }

  private mutating func command(_ code: UInt8, word: UInt16) -> ChipPlace {
    transfer.put(code)
    transfer.put(word: word)
    return .transfer
  }

  private mutating func placeOfIdentification() -> ChipPlace {
    switch index {
    case 0: command(Command.standby, 0)
    case 1: read(Register.version, 16)
    default: .end
    }
  }

  private mutating func placeOfSetUp() -> ChipPlace {
    switch index {
    case 0: return command(Command.standby, 0)
    case 1: return command(Command.clearErrors, word: 0)
    case 2:
      guard let oscillator = wiring.oscillator else { return .skip }
      transfer.put(Command.oscillator)
      transfer.put(oscillator.rawValue)
      // 5 ms in steps of 15.625 µs.
      transfer.put(0)
      transfer.put(word: 320)
      return .transfer
    case 3: return command(Command.regulator, wiring.hasConverter ? 1 : 0)
    case 4: return command(Command.antennaSwitch, wiring.switchesAntennaByDIO2 ? 1 : 0)
    case 5: return command(Command.packetType, 1)
    case 6: return command(Command.calibrate, 0x7f)
    case 7: return command(Command.bases, word: 0)
    case 8:
      transfer.put(Command.interruptLines)
      transfer.put(word: Flag.wanted)
      transfer.put(word: Flag.wanted)
      transfer.putZeros(4)
      return .transfer
    case 9: return wiring.kind == .sx1261 ? .skip : read(Register.clamp)
    case 10: return wiring.kind == .sx1261 ? .skip : write(Register.clamp, kept | 0x1e)
    case 11: return write(Register.gain, 0x96)
    case 12: return ask(Command.getErrors, 2)
    default: return .end
    }
  }

  private mutating func placeOfConfiguration(_ setting: RadioSetting) -> ChipPlace {
    let modulation = setting.modulation
    switch index {
    case 0: return command(Command.standby, 0)
    case 1:
      let band = Self.imageBand(setting.frequencyHertz)
      guard calibratedBand != UInt32(band) else { return .skip }
      return command(Command.calibrateImage, word: band)
    case 2:
      transfer.put(Command.setFrequency)
      let steps = UInt32((UInt64(setting.frequencyHertz) << 25 + 16_000_000) / 32_000_000)
      transfer.put(word: UInt16(steps >> 16))
      transfer.put(word: UInt16(truncatingIfNeeded: steps))
      return .transfer
    case 3:
      // The optimum for the highest power; SX1261 has the weak amplifier.
      let isWeak = wiring.kind == .sx1261
      transfer.put(Command.amplifier)
      transfer.put(0x04)
      transfer.put(isWeak ? 0x00 : 0x07)
      transfer.put(isWeak ? 0x01 : 0x00)
      return command(0x01)
    // The command before sets it to its default: 60 and 140 mA.
    case 4: return write(Register.currentLimit, wiring.kind == .sx1261 ? 0x18 : 0x38)
    case 5:
      transfer.put(Command.power)
      let power = Int8(clamping: setting.powerCentidecibelMilliwatts / 100)
      transfer.put(UInt8(bitPattern: power))
      // Ramp of 200 µs.
      return command(0x04)
    case 6:
      transfer.put(Command.modulation)
      transfer.put(modulation.spreadingFactor)
      switch modulation.bandwidth {
      case .khz125: transfer.put(4)
      case .khz250: transfer.put(5)
      case .khz500: transfer.put(6)
      }
      transfer.put(modulation.codingRateDenominator - 4)
      return command(modulation.hasLowDataRateOptimization ? 1 : 0)
    case 7: return packet(setting, byteCount: 0xff)
    case 8: return read(Register.invertedIQ)
    case 9:
      return write(Register.invertedIQ, setting.hasInvertedIQ ? kept & ~0x04 : kept | 0x04)
    case 10:
      transfer.put(Command.writeRegister)
      transfer.put(word: Register.syncWord)
      transfer.put(word: Self.longSyncWord(setting.syncWord))
      return .transfer
    case 11: return read(Register.syncWord, 2)
    case 12: return ask(Command.getPacketType, 1)
    default: return .end
    }
  }

  /// 0x34 is 0x3444, 0x12 is 0x1424.
  static func longSyncWord(_ word: UInt8) -> UInt16 {
    UInt16(word & 0xf0 | 0x04) << 8 | UInt16(word << 4 | 0x04)
  }

  private mutating func packet(_ setting: RadioSetting, byteCount: UInt8) -> ChipPlace {
    transfer.put(Command.packet)
    transfer.put(word: setting.modulation.preambleSymbolCount)
    transfer.put(0)
    transfer.put(byteCount)
    transfer.put(setting.modulation.hasCRC ? 1 : 0)
    return command(setting.hasInvertedIQ ? 1 : 0)
  }

  /// Frequencies between which the image is rejected, in steps of 4 MHz (9.2.1).
  static func imageBand(_ hertz: UInt32) -> UInt16 {
    switch hertz / 1_000_000 {
    case 430...440: 0x6b6f
    case 470...510: 0x7581
    case 779...787: 0xc1c5
    case 863...870: 0xd7db
    case 902...928: 0xe1e9
    case let megahertz:
      // Any other: 8 MHz around it.
      UInt16(megahertz / 4 - 1) << 8 | UInt16(megahertz / 4 + 1)
    }
  }

  private mutating func placeOfListening(_ setting: RadioSetting) -> ChipPlace {
    switch index {
    case 0: return command(Command.clearInterrupts, word: 0xffff)
    case 1: return command(Command.bases, word: 0)
    // A transmission has left its length there.
    case 2: return packet(setting, byteCount: 0xff)
    case 3:
      // Without end: the timeout of a header-less reception (15.3) is never begun.
      transfer.put(Command.receive)
      transfer.put(0xff)
      return command(0xff, 0xff)
    case 4: return command(Command.status, 0)
    default: return .end
    }
  }

  private mutating func placeOfFetch() -> ChipPlace {
    switch index {
    case 0: return ask(Command.getInterrupts, 2)
    case 1: return ask(Command.bufferStatus, 2)
    case 2:
      transfer.put(Command.readBuffer)
      transfer.put(frameOffset)
      transfer.putZeros(1 + frameByteCount)
      return .transfer
    case 3: return ask(Command.packetStatus, 3)
    case 4: return read(Register.frequencyError, 3)
    case 5: return read(Register.codingRate)
    // What came meanwhile stays.
    case 6: return command(Command.clearInterrupts, word: flags)
    default: return .end
    }
  }

  private mutating func placeOfSending(_ setting: RadioSetting) -> ChipPlace {
    switch index {
    case 0: return command(Command.standby, 0)
    case 1: return read(Register.modulationQuality)
    case 2:
      let isWide = setting.modulation.bandwidth == .khz500
      return write(Register.modulationQuality, isWide ? kept & ~0x04 : kept | 0x04)
    case 3: return packet(setting, byteCount: UInt8(clamping: payloadCount))
    case 4: return command(Command.bases, word: 0)
    case 5:
      transfer.put(Command.writeBuffer)
      transfer.put(0)
      for index in 0..<payloadCount { transfer.put(payload[index]) }
      return .transfer
    case 6: return command(Command.clearInterrupts, word: 0xffff)
    case 7:
      transfer.put(Command.transmit)
      transfer.putZeros(3)
      return .transfer
    case 8: return .waitForEnd
    case 9: return ask(Command.getInterrupts, 2)
    case 10: return command(Command.clearInterrupts, word: 0xffff)
    default: return .end
    }
  }

  private mutating func placeOfNoise() -> ChipPlace {
    index == 0 ? ask(Command.instantPower, 1) : .end
  }

  private mutating func placeOfPoll() -> ChipPlace {
    switch index {
    case 0: command(Command.status, 0)
    case 1: ask(Command.getPacketType, 1)
    case 2: ask(Command.getErrors, 2)
    case 3: ask(Command.getInterrupts, 2)
    default: .end
    }
  }

  // MARK: Answers

  mutating func sx126xAnswer(_ script: ChipScript, atMilliseconds now: Int64) -> ChipAnswer {
    let status = transfer[1]
    if status == 0 || status == 0xff { return .failed(.nothingOnTheBus) }
    let (mode, outcome) = (status >> 4 & 7, status >> 1 & 7)
    guard (2...6).contains(mode) else { return .failed(.unintelligible) }
    // 3: it came too slowly; 4: it has no sense; 5: it could not be done. Of the command before.
    let isFirst = script == .identify || index == 0
    if !isFirst, (3...5).contains(outcome) { return .failed(.refused) }
    switch script {
    case .identify: return index == 1 ? identifiedSX126x() : .next
    case .setUp:
      if index == 9 { kept = transfer[4] }
      guard index == 12 else { return .next }
      return transfer.number(at: 2, byteCount: 2) & 0x7f == 0 ? .next : .failed(.oscillator)
    case .configure: return answerOfConfiguration(target ?? .none)
    case .listen:
      guard index == 4 else { return .next }
      return mode == receptionMode ? .next : .failed(.deaf)
    case .fetch: return answerOfFetch(atMilliseconds: now)
    case .send: return answerOfSending(atMilliseconds: now)
    case .noise:
      guard mode == receptionMode else { return .deaf }
      tell(.noise(rssiCentidecibelMilliwatts: -50 * Int32(transfer[2])))
      return .next
    case .poll: return answerOfPoll(mode)
    }
  }

  private mutating func identifiedSX126x() -> ChipAnswer {
    var firmware = FixedText<40>()
    var index = 4
    // Printable, up to the first byte that is not.
    while index < 20, (0x20...0x7e).contains(transfer[index]) {
      firmware.write(byte: transfer[index])
      index += 1
    }
    let (sx126x, llcc68): (StaticString, StaticString) = ("SX126", "LLCC68")
    let isLLCC68 = firmware.count >= 6 && firmware.span.extracting(0..<6).equals(llcc68)
    let isSX126x = firmware.count >= 5 && firmware.span.extracting(0..<5).equals(sx126x)
    // Some LLCC68 name themselves as their relatives do; the reverse would lose its limits.
    guard isSX126x || isLLCC68 && wiring.kind == .llcc68 else {
      return .failed(firmware.isEmpty ? .unintelligible : .wrongRadio)
    }
    identity = RadioIdentity(kind: wiring.kind, firmware: firmware)
    capabilities = .ofChip(
      wiring, hasLine: hasLine, lookMilliseconds: lookMilliseconds)
    return .next
  }

  private mutating func answerOfConfiguration(_ setting: RadioSetting) -> ChipAnswer {
    switch index {
    case 1:
      calibratedBand = UInt32(Self.imageBand(setting.frequencyHertz))
      return .next
    case 8:
      kept = transfer[4]
      return .next
    case 11:
      let isKept =
        transfer.number(at: 4, byteCount: 2) == UInt32(Self.longSyncWord(setting.syncWord))
      return isKept ? .next : .failed(.settingLost)
    case 12: return transfer[2] == 1 ? .next : .failed(.settingLost)
    default: return .next
    }
  }

  private mutating func answerOfFetch(atMilliseconds now: Int64) -> ChipAnswer {
    switch index {
    case 0:
      flags = UInt16(transfer.number(at: 2, byteCount: 2))
      foundInterrupts(flags != 0)
      guard flags != 0 else { return .skip(to: 7) }
      guard flags & Flag.received != 0 else {
        if flags & Flag.headerWrong != 0 { RadioCounts.count(&counts.garbled) }
        return .skip(to: 6)
      }
      held.begin(setting ?? .none, atMilliseconds: now)
      held.correction = .sx126x
    case 1:
      (frameByteCount, frameOffset) = (Int(transfer[2]), transfer[3])
      // An empty frame is none of ours.
      if frameByteCount == 0 {
        flags |= Flag.received
        held.removeBytes()
        return .skip(to: 6)
      }
    case 2:
      for index in 0..<frameByteCount { _ = held.offer(byte: transfer[3 + index]) }
    case 3:
      held.packetRSSICentidecibelMilliwatts = -50 * Int32(transfer[2])
      held.snrCentidecibels = 25 * Int32(Int8(bitPattern: transfer[3]))
      held.signalRSSICentidecibelMilliwatts = -50 * Int32(transfer[4])
    case 4:
      let isChecked = transfer[4] & 0x10 != 0
      held.checksum =
        flags & Flag.checksumWrong != 0 ? .wrong : isChecked ? .right : .absent
      held.frequencyErrorHertz = Self.sx126xFrequencyError(
        transfer.number(at: 4, byteCount: 3), bandwidthHertz: held.bandwidth.hertz)
    case 5: held.take(codingRate: transfer[4] >> 4 & 7)
    default:
      guard flags & Flag.received != 0 else { return .next }
      if held.byteCount > 0 {
        received(atMilliseconds: now)
      } else {
        RadioCounts.count(&counts.garbled)
      }
    }
    return .next
  }

  /// 1.55 · value · bandwidth in kHz / 1600, as public drivers have it: the data sheet is silent.
  static func sx126xFrequencyError(_ raw: UInt32, bandwidthHertz: UInt32) -> Int32 {
    let value = Int64(Int32(bitPattern: raw << 12) >> 12)
    return Int32(value * 155 * Int64(bandwidthHertz) / 160_000_000)
  }

  private mutating func answerOfSending(atMilliseconds now: Int64) -> ChipAnswer {
    switch index {
    case 1: kept = transfer[4]
    case 7: startedAt = now
    case 9:
      flags = UInt16(transfer.number(at: 2, byteCount: 2))
      if flags & Flag.sent != 0 { return .next }
      if flags & Flag.timeout != 0 { return .failed(.transmissionFailed) }
      return .again(milliseconds: Self.askMilliseconds)
    default: break
    }
    return .next
  }

  private mutating func answerOfPoll(_ mode: UInt8) -> ChipAnswer {
    switch index {
    case 0:
      isOutOfReception = mode != receptionMode
      return .next
    // After a restart it is a radio for FSK.
    case 1:
      guard transfer[2] == 1 else { return .restarted }
      return isOutOfReception ? .deaf : .next
    // They stay until they are cleared, which a new set-up does.
    case 2: return transfer.number(at: 2, byteCount: 2) & 0x60 == 0 ? .next : .unsteady
    default:
      isSuspect = transfer.number(at: 2, byteCount: 2) & UInt32(Flag.received) != 0
      return .next
    }
  }
}
