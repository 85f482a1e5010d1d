import FixedMemory
import LoRa

/// SX1276 and SX1272: registers of their data sheets (SX1276 rev. 7, SX1272 rev. 4), and the SX1276's errata.
private enum Register {
  static var fifo: UInt8 { 0x00 }
  static var mode: UInt8 { 0x01 }
  static var frequency: UInt8 { 0x06 }
  static var amplifier: UInt8 { 0x09 }
  static var currentLimit: UInt8 { 0x0b }
  static var gain: UInt8 { 0x0c }
  static var fifoPointer: UInt8 { 0x0d }
  static var bases: UInt8 { 0x0e }
  /// The first of thirteen with all that is known of a frame.
  static var frameStart: UInt8 { 0x10 }
  static var interruptMask: UInt8 { 0x11 }
  static var interrupts: UInt8 { 0x12 }
  static var instantPower: UInt8 { 0x1b }
  static var modem: UInt8 { 0x1d }
  static var preamble: UInt8 { 0x20 }
  static var byteCount: UInt8 { 0x22 }
  static var modem3: UInt8 { 0x26 }
  static var frequencyError: UInt8 { 0x28 }
  static var spurious: UInt8 { 0x2f }
  static var detection: UInt8 { 0x31 }
  static var invertedIQ: UInt8 { 0x33 }
  static var sensitivity: UInt8 { 0x36 }
  static var detectionThreshold: UInt8 { 0x37 }
  static var syncWord: UInt8 { 0x39 }
  static var sensitivity2: UInt8 { 0x3a }
  /// In FSK mode the calibration of the image; in LoRa mode the second half of the inverted IQ.
  static var image: UInt8 { 0x3b }
  static var lines: UInt8 { 0x40 }
  static var version: UInt8 { 0x42 }
  static var strongAmplifier1276: UInt8 { 0x4d }
  static var strongAmplifier1272: UInt8 { 0x5a }
}

private enum Mode {
  static var sleep: UInt8 { 0 }
  static var standby: UInt8 { 1 }
  static var transmit: UInt8 { 3 }
  static var receive: UInt8 { 5 }
  static var lora: UInt8 { 0x80 }
  /// SX1276: registers of the low band.
  static var lowBand: UInt8 { 0x08 }
}

private enum Flag {
  static var sent: UInt8 { 0x08 }
  static var checksumWrong: UInt8 { 0x20 }
  static var received: UInt8 { 0x40 }
}

extension ChipMachine {
  mutating func sx127xPlace(_ script: ChipScript) -> ChipPlace {
    switch script {
    case .identify: index == 0 ? read(Register.version) : .end
    case .setUp: placeOfSetUp()
    case .configure: placeOfConfiguration(target ?? .none)
    case .listen: placeOfListening(target ?? .none)
    case .fetch: placeOfFetch()
    case .send: placeOfSending(target ?? .none)
    case .noise: placeOfNoise()
    case .poll: placeOfPoll()
    }
  }

  private mutating func write(_ register: UInt8, _ value: UInt8) -> ChipPlace {
    transfer.put(register | 0x80)
    transfer.put(value)
    return .transfer
  }

  private mutating func write(_ register: UInt8, word: UInt16) -> ChipPlace {
    transfer.put(register | 0x80)
    transfer.put(word: word)
    return .transfer
  }

  /// The values stand behind one byte.
  private mutating func read(_ register: UInt8, _ count: Int = 1) -> ChipPlace {
    transfer.put(register)
    transfer.putZeros(count)
    return .transfer
  }

  /// The bases of power differ on both sides of the gap between 525 and 779 MHz, which no SX1276 tunes to.
  private static func isLowBand(_ hertz: UInt32) -> Bool { hertz <= 525_000_000 }

  private func inMode(_ mode: UInt8) -> UInt8 {
    let isLow = wiring.kind == .sx1276 && Self.isLowBand((target ?? .none).frequencyHertz)
    return Mode.lora | mode | (isLow ? Mode.lowBand : 0)
  }

  private mutating func placeOfSetUp() -> ChipPlace {
    switch index {
    // LoRa is entered from sleep only.
    case 0: write(Register.mode, Mode.sleep)
    case 1: write(Register.mode, Mode.lora | Mode.sleep)
    case 2: read(Register.mode)
    default: .end
    }
  }

  private static func frequencySteps(_ hertz: UInt32) -> UInt32 {
    UInt32((UInt64(hertz) << 19 + 16_000_000) / 32_000_000)
  }

  private mutating func writeFrequency(_ hertz: UInt32) -> ChipPlace {
    let steps = Self.frequencySteps(hertz)
    transfer.put(Register.frequency | 0x80)
    transfer.put(UInt8(truncatingIfNeeded: steps >> 16))
    transfer.put(word: UInt16(truncatingIfNeeded: steps))
    return .transfer
  }

  private mutating func placeOfConfiguration(_ setting: RadioSetting) -> ChipPlace {
    let modulation = setting.modulation
    let is1276 = wiring.kind == .sx1276
    let isWide = modulation.bandwidth == .khz500
    // The image is calibrated in FSK mode, at the band's own frequency.
    let hasImage = calibratedBand == Self.band(setting.frequencyHertz)
    let lowFSK = is1276 && Self.isLowBand(setting.frequencyHertz) ? Mode.lowBand : 0
    switch index {
    case 0: return write(Register.mode, inMode(Mode.sleep))
    case 1: return hasImage ? .skip : write(Register.mode, Mode.sleep | lowFSK)
    case 2: return writeFrequency(setting.frequencyHertz)
    case 3: return hasImage ? .skip : write(Register.mode, Mode.standby | lowFSK)
    case 4: return hasImage ? .skip : write(Register.image, 0x42)
    case 5: return hasImage ? .skip : read(Register.image)
    case 6: return hasImage ? .skip : write(Register.mode, Mode.sleep | lowFSK)
    case 7: return write(Register.mode, inMode(Mode.sleep))
    case 8: return write(Register.mode, inMode(Mode.standby))
    case 9: return write(Register.amplifier, amplifier(setting.powerCentidecibelMilliwatts / 100))
    case 10:
      let isStrong = setting.powerCentidecibelMilliwatts > 1_700
      return write(
        is1276 ? Register.strongAmplifier1276 : Register.strongAmplifier1272,
        isStrong ? 0x87 : 0x84)
    // 100 mA, and 140 mA above 17 dBm.
    case 11:
      return write(
        Register.currentLimit, setting.powerCentidecibelMilliwatts > 1_700 ? 0x31 : 0x2b)
    case 12: return write(Register.gain, 0x23)
    case 13: return write(Register.bases, word: 0)
    case 14: return write(Register.modem, word: modem(modulation))
    case 15: return write(Register.preamble, word: modulation.preambleSymbolCount)
    case 16:
      guard is1276 else { return .skip }
      return write(Register.modem3, modulation.hasLowDataRateOptimization ? 0x0c : 0x04)
    // Errata 2.3: spurious reception.
    case 17: return write(Register.detection, !is1276 || isWide ? 0xc3 : 0x43)
    case 18: return is1276 && !isWide ? write(Register.spurious, word: 0x4000) : .skip
    case 19: return write(Register.detectionThreshold, 0x0a)
    // Errata 2.1: sensitivity at 500 kHz.
    case 20: return is1276 ? write(Register.sensitivity, isWide ? 0x02 : 0x03) : .skip
    case 21:
      guard is1276 && isWide else { return .skip }
      return write(
        Register.sensitivity2, Self.isLowBand(setting.frequencyHertz) ? 0x7f : 0x64)
    case 22: return write(Register.image, setting.hasInvertedIQ ? 0x19 : 0x1d)
    case 23: return write(Register.syncWord, setting.syncWord)
    case 24: return write(Register.interruptMask, 0)
    case 25: return read(Register.frequency, 3)
    case 26: return read(Register.modem, 2)
    case 27: return read(Register.syncWord)
    default: return .end
    }
  }

  private static func band(_ hertz: UInt32) -> UInt32 { hertz / 20_000_000 }

  private func amplifier(_ power: Int32) -> UInt8 {
    guard wiring.usesBoostPin else {
      let isSX1272 = wiring.kind == .sx1272
      return UInt8(clamping: isSX1272 ? power + 1 : power) | (isSX1272 ? 0 : 0x70)
    }
    return 0x80 | UInt8(clamping: power > 17 ? power - 5 : power - 2)
  }

  /// Both modem registers: bandwidth, coding rate, explicit header; spreading factor, checksum, gain by itself.
  private func modem(_ modulation: Modulation) -> UInt16 {
    let width: UInt16 =
      switch modulation.bandwidth {
      case .khz125: 0
      case .khz250: 1
      case .khz500: 2
      }
    let rate = UInt16(modulation.codingRateDenominator - 4)
    let factor = UInt16(modulation.spreadingFactor) << 4
    guard wiring.kind == .sx1272 else {
      return ((width + 7) << 4 | rate << 1) << 8 | factor | 0x04
    }
    let slow: UInt16 = modulation.hasLowDataRateOptimization ? 1 : 0
    return (width << 6 | rate << 3 | 0x02 | slow) << 8 | factor | 0x04
  }

  private mutating func placeOfListening(_ setting: RadioSetting) -> ChipPlace {
    switch index {
    case 0: write(Register.mode, inMode(Mode.standby))
    case 1: write(Register.invertedIQ, setting.hasInvertedIQ ? 0x67 : 0x27)
    case 2: write(Register.lines, 0x00)
    case 3: write(Register.fifoPointer, 0)
    case 4: write(Register.interrupts, 0xff)
    case 5: write(Register.mode, inMode(Mode.receive))
    case 6: read(Register.mode)
    default: .end
    }
  }

  private mutating func placeOfFetch() -> ChipPlace {
    switch index {
    case 0: return read(Register.frameStart, 13)
    case 1: return write(Register.fifoPointer, frameOffset)
    case 2: return read(Register.fifo, frameByteCount)
    case 3: return read(Register.frequencyError, 3)
    // What came meanwhile stays.
    case 4: return write(Register.interrupts, UInt8(truncatingIfNeeded: flags))
    default: return .end
    }
  }

  private mutating func placeOfSending(_ setting: RadioSetting) -> ChipPlace {
    switch index {
    case 0: return write(Register.mode, inMode(Mode.standby))
    case 1: return write(Register.invertedIQ, setting.hasInvertedIQ ? 0x26 : 0x27)
    case 2: return write(Register.lines, 0x40)
    case 3: return write(Register.fifoPointer, 0)
    case 4:
      transfer.put(Register.fifo | 0x80)
      for index in 0..<payloadCount { transfer.put(payload[index]) }
      return .transfer
    case 5: return write(Register.byteCount, UInt8(clamping: payloadCount))
    case 6: return write(Register.interrupts, 0xff)
    case 7: return write(Register.mode, inMode(Mode.transmit))
    case 8: return .waitForEnd
    case 9: return read(Register.interrupts)
    case 10: return write(Register.interrupts, 0xff)
    default: return .end
    }
  }

  private mutating func placeOfNoise() -> ChipPlace {
    switch index {
    case 0: read(Register.mode)
    case 1: read(Register.instantPower)
    default: .end
    }
  }

  private mutating func placeOfPoll() -> ChipPlace {
    switch index {
    case 0: read(Register.mode)
    case 1: read(Register.frequency, 3)
    case 2: read(Register.syncWord)
    case 3: read(Register.interrupts)
    default: .end
    }
  }

  // MARK: Answers

  mutating func sx127xAnswer(_ script: ChipScript, atMilliseconds now: Int64) -> ChipAnswer {
    switch script {
    case .identify: return identifiedSX127x()
    case .setUp:
      guard index == 2 else { return .next }
      let mode = transfer[1]
      if mode == 0 || mode == 0xff { return .failed(.nothingOnTheBus) }
      return mode & 0x87 == Mode.lora ? .next : .failed(.refused)
    case .configure: return answerOfConfiguration(target ?? .none)
    case .listen: return index == 6 ? answerOfMode(.failed(.deaf)) : .next
    case .fetch: return answerOfFetch(atMilliseconds: now)
    case .send: return answerOfSending(atMilliseconds: now)
    case .noise:
      guard index == 1 else { return answerOfMode(.deaf) }
      tell(
        .noise(
          rssiCentidecibelMilliwatts: 100 * (powerBase + Int32(transfer[1]))))
      return .next
    case .poll: return answerOfPoll()
    }
  }

  private func answerOfMode(_ otherwise: ChipAnswer) -> ChipAnswer {
    if transfer[1] == 0 || transfer[1] == 0xff { return .failed(.nothingOnTheBus) }
    // The synthesiser locks first: 4.
    return transfer[1] == inMode(Mode.receive) || transfer[1] == inMode(4) ? .next : otherwise
  }

  private mutating func identifiedSX127x() -> ChipAnswer {
    let version = transfer[1]
    if version == 0 || version == 0xff { return .failed(.nothingOnTheBus) }
    guard version == (wiring.kind == .sx1276 ? 0x12 : 0x22) else { return .failed(.wrongRadio) }
    var firmware = FixedText<40>()
    firmware.write("version ")
    firmware.write(decimal: Int64(version))
    identity = RadioIdentity(kind: wiring.kind, firmware: firmware)
    capabilities = .ofChip(
      wiring, hasLine: hasLine, lookMilliseconds: lookMilliseconds)
    return .next
  }

  private mutating func answerOfConfiguration(_ setting: RadioSetting) -> ChipAnswer {
    switch index {
    case 5:
      if transfer[1] == 0xff { return .failed(.nothingOnTheBus) }
      // Running.
      return transfer[1] & 0x20 != 0 ? .again(milliseconds: 2) : .next
    case 6:
      calibratedBand = Self.band(setting.frequencyHertz)
      return .next
    case 25:
      let isKept =
        transfer.number(at: 1, byteCount: 3) == Self.frequencySteps(setting.frequencyHertz)
      return isKept ? .next : .failed(.settingLost)
    case 26:
      let isKept = transfer.number(at: 1, byteCount: 2) == UInt32(modem(setting.modulation))
      return isKept ? .next : .failed(.settingLost)
    case 27: return transfer[1] == setting.syncWord ? .next : .failed(.settingLost)
    default: return .next
    }
  }

  private var powerBase: Int32 {
    guard wiring.kind == .sx1276 else { return -139 }
    return Self.isLowBand((target ?? .none).frequencyHertz) ? -164 : -157
  }

  /// Packet RSSI in hundredths of a dBm (SX1276 5.5.5): 16/15 above the noise, with the SNR below it.
  static func sx127xPower(base: Int32, raw: UInt8, snrCentidecibels: Int32) -> Int32 {
    guard snrCentidecibels < 0 else { return base * 100 + (Int32(raw) * 1_600 + 7) / 15 }
    return base * 100 + Int32(raw) * 100 + snrCentidecibels
  }

  /// value · 2^24 / 32 MHz · bandwidth / 500 kHz.
  static func sx127xFrequencyError(_ raw: UInt32, bandwidthHertz: UInt32) -> Int32 {
    let value = Int64(Int32(bitPattern: raw << 12) >> 12)
    return Int32(value * 524_288 * Int64(bandwidthHertz / 1_000) / 500_000_000)
  }

  private mutating func answerOfFetch(atMilliseconds now: Int64) -> ChipAnswer {
    switch index {
    case 0:
      // Registers from 0x10 on stand from 1 on.
      flags = UInt16(transfer[3])
      if flags == 0xff { return .failed(.nothingOnTheBus) }
      foundInterrupts(flags != 0)
      guard flags != 0 else { return .skip(to: 5) }
      guard flags & UInt16(Flag.received) != 0 else { return .skip(to: 4) }
      held.begin(setting ?? .none, atMilliseconds: now)
      (frameOffset, frameByteCount) = (transfer[1], Int(transfer[4]))
      let snr = 25 * Int32(Int8(bitPattern: transfer[10]))
      held.snrCentidecibels = snr
      held.packetRSSICentidecibelMilliwatts = Self.sx127xPower(
        base: powerBase, raw: transfer[11], snrCentidecibels: snr)
      held.correction =
        wiring.kind == .sx1272 ? .sx1272 : powerBase == -164 ? .sx127xLowBand : .sx127xHighBand
      // RegModemStat, bits 7 to 5: of the header, whatever the setting has.
      held.take(codingRate: transfer[9] >> 5)
      let isChecked = transfer[13] & 0x40 != 0
      held.checksum =
        flags & UInt16(Flag.checksumWrong) != 0 ? .wrong : isChecked ? .right : .absent
      if frameByteCount == 0 { return .skip(to: 4) }
    case 2:
      for index in 0..<frameByteCount { _ = held.offer(byte: transfer[1 + index]) }
    case 3:
      held.frequencyErrorHertz = Self.sx127xFrequencyError(
        transfer.number(at: 1, byteCount: 3), bandwidthHertz: held.bandwidth.hertz)
    case 4:
      guard flags & UInt16(Flag.received) != 0 else { return .next }
      if held.byteCount > 0 {
        received(atMilliseconds: now)
      } else {
        RadioCounts.count(&counts.garbled)
      }
    default: break
    }
    return .next
  }

  private mutating func answerOfSending(atMilliseconds now: Int64) -> ChipAnswer {
    switch index {
    case 7: startedAt = now
    case 9:
      if transfer[1] == 0xff { return .failed(.nothingOnTheBus) }
      return transfer[1] & Flag.sent != 0 ? .next : .again(milliseconds: Self.askMilliseconds)
    default: break
    }
    return .next
  }

  private mutating func answerOfPoll() -> ChipAnswer {
    switch index {
    // After a restart it is a radio for FSK.
    case 0: return answerOfMode(transfer[1] & Mode.lora == 0 ? .restarted : .deaf)
    case 1:
      let frequency = (target ?? .none).frequencyHertz
      return transfer.number(at: 1, byteCount: 3) == Self.frequencySteps(frequency)
        ? .next : .restarted
    case 2: return transfer[1] == (target ?? .none).syncWord ? .next : .restarted
    default:
      if transfer[1] == 0xff { return .failed(.nothingOnTheBus) }
      isSuspect = transfer[1] & Flag.received != 0
      return .next
    }
  }
}
