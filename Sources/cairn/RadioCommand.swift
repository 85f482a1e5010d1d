import FixedMemory
import LinuxPlatform
import LoRa
import NodeFiles
import Radios

/// `cairn radio show` and `cairn radio listen`: a LoRa module on a serial line, without the agent.
enum RadioCommand {
  static func show(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let line = RadioLine.find(arguments)
    guard let identity = line.radio.identity, let capabilities = line.radio.capabilities else {
      line.end(for: .noAnswer)
    }
    if arguments.isJSON {
      begin(line, identity, arguments, &output)
      output.write(capabilities)
      output.endDocument()
    } else {
      output.write(identity, line)
      output.show(capabilities)
    }
    return .success
  }

  static func listen(_ arguments: borrowing Arguments, _ output: inout Output) -> ExitStatus {
    let (setting, seconds) = wanted(arguments)
    var line = RadioLine.find(arguments)
    guard let identity = line.radio.identity, let capabilities = line.radio.capabilities else {
      line.end(for: .noAnswer)
    }
    let power = capabilities.powerCentidecibelMilliwatts.lowerBound
    let chosen = RadioSetting(
      frequencyHertz: setting.frequencyHertz, modulation: setting.modulation,
      powerCentidecibelMilliwatts: power)
    do throws(RadioRefusal) {
      try line.radio.configure(chosen, atMilliseconds: line.now)
    } catch {
      end(.usage, "cairn: ", error.explanation)
    }
    if arguments.isJSON {
      begin(line, identity, arguments, &output)
      output.member("frequencyHertz", UInt64(chosen.frequencyHertz))
      output.member("spreadingFactor", UInt64(chosen.modulation.spreadingFactor))
      output.beginArray("frames")
    } else {
      output.write(identity, line)
    }
    output.flush()
    let failure = hear(&line, seconds: seconds, isJSON: arguments.isJSON, &output)
    if arguments.isJSON {
      output.endArray()
      output.member("received", UInt64(line.radio.counts.received))
      output.member("garbled", UInt64(line.radio.counts.garbled))
      output.endDocument()
    }
    guard let failure else { return .success }
    output.flush()
    line.end(for: failure)
  }

  /// Until a signal comes, the time is over or the radio has failed: then why.
  private static func hear(
    _ line: inout RadioLine, seconds: UInt64?, isJSON: Bool, _ output: inout Output
  ) -> RadioFailure? {
    do throws(SystemError) {
      let signals = try TerminationSignals()
      let start = line.now
      let last = seconds.map { start + Int64($0) * 1_000 }
      while try signals.next() == nil {
        if let last, line.now >= last { return nil }
        if output.isGone { return nil }
        switch try line.turn(until: last, signals: signals) {
        case .received?:
          output.write(line.frame, since: start, isJSON: isJSON)
          output.flush()
        case .failed(_, let failure)?:
          if line.radio.state == .failed || line.radio.state == .ready { return failure }
        case .identified?, .configured?, .transmitted?, .noise?, .deaf?, .reset?,
          .noticed?, nil:
          break
        }
      }
      return nil
    } catch {
      NodeFiles.end(.refused, "cairn: the system does not let it wait")
    }
  }

  private static func wanted(_ arguments: borrowing Arguments) -> (RadioSetting, UInt64?) {
    func number(_ option: Command.Option, _ usual: UInt64, _ range: ClosedRange<UInt64>) -> UInt64 {
      guard arguments.has(option) else { return usual }
      guard let number = decimal(arguments.value(of: option)), range.contains(number) else {
        var text = TextBuilder<128>()
        text.append("cairn: ")
        text.append(option.text)
        text.append(" needs ")
        if let name = option.valueName { text.append(name) }
        NodeFiles.end(.usage, text.span)
      }
      return number
    }
    let hertz = number(.frequency, 868_100_000, 100_000_000...1_100_000_000)
    let factor = number(.factor, 10, 5...12)
    let seconds = number(.seconds, 1, 1...86_400)
    guard let modulation = Modulation(spreadingFactor: UInt8(factor)) else {
      NodeFiles.end(.usage, "cairn: no LoRa radio has this spreading factor")
    }
    return (
      RadioSetting(
        frequencyHertz: UInt32(hertz), modulation: modulation, powerCentidecibelMilliwatts: 0),
      arguments.has(.seconds) ? seconds : nil
    )
  }

  private static func begin(
    _ line: borrowing RadioLine, _ identity: RadioIdentity, _ arguments: borrowing Arguments,
    _ output: inout Output
  ) {
    output.beginObject()
    output.member("device", text: arguments.operandText)
    output.member("baud", UInt64(line.baudRate.rawValue))
    output.member("radio", text: identity.kind.name)
    output.member("firmware", text: identity.firmware.span)
  }

  private static func end(_ status: ExitStatus, _ before: StaticString, _ why: StaticString)
    -> Never
  {
    var text = TextBuilder<256>()
    text.append(before)
    text.append(why)
    NodeFiles.end(status, text.span)
  }
}

extension Output {
  fileprivate mutating func write(_ identity: RadioIdentity, _ line: borrowing RadioLine) {
    write(identity.kind.name)
    write(", firmware ")
    write(untrusted: identity.firmware.span)
    write(", at ")
    write(UInt64(line.baudRate.rawValue))
    write(" baud")
    newLine()
  }

  fileprivate mutating func show(_ capabilities: RadioCapabilities) {
    for index in capabilities.frequencyRanges.indices {
      let range = capabilities.frequencyRanges[index]
      row(index == 0 ? "frequencies" : "")
      write(Int64(range.fromHertz), powerOfTen: -6)
      write(" to ")
      write(Int64(range.toHertz), powerOfTen: -6)
      write(" MHz")
      newLine()
    }
    row("factors")
    write("SF")
    write(UInt64(capabilities.spreadingFactors.lowerBound))
    write(" to SF")
    write(UInt64(capabilities.spreadingFactors.upperBound))
    newLine()
    row("power")
    write(Int64(capabilities.powerCentidecibelMilliwatts.lowerBound), powerOfTen: -2)
    write(" to ")
    write(Int64(capabilities.powerCentidecibelMilliwatts.upperBound), powerOfTen: -2)
    write(" dBm")
    newLine()
    row("frames")
    write("up to ")
    write(UInt64(capabilities.maximumPayloadByteCount))
    write(" bytes")
    newLine()
    row("retuning")
    write(UInt64(capabilities.retuneMilliseconds))
    write(capabilities.needsRestartToConfigure ? " ms, by a restart" : " ms")
    newLine()
  }

  fileprivate mutating func write(_ capabilities: RadioCapabilities) {
    beginArray("frequencies")
    for index in capabilities.frequencyRanges.indices {
      beginObject()
      member("from", UInt64(capabilities.frequencyRanges[index].fromHertz))
      member("to", UInt64(capabilities.frequencyRanges[index].toHertz))
      endObject()
    }
    endArray()
    beginArray("spreadingFactors")
    for factor in capabilities.spreadingFactors { element(UInt64(factor)) }
    endArray()
    beginObject("powerCentidecibelMilliwatts")
    member("from", Int64(capabilities.powerCentidecibelMilliwatts.lowerBound))
    member("to", Int64(capabilities.powerCentidecibelMilliwatts.upperBound))
    endObject()
    member("maximumByteCount", UInt64(capabilities.maximumPayloadByteCount))
    member("retuneMilliseconds", UInt64(capabilities.retuneMilliseconds))
    member("needsRestart", capabilities.needsRestartToConfigure)
  }

  fileprivate mutating func write(
    _ frame: borrowing ReceivedFrame, since start: Int64, isJSON: Bool
  ) {
    let after = frame.receivedMilliseconds - start
    guard !isJSON else {
      beginObject()
      member("milliseconds", after)
      figure("rssi", frame.packetRSSICentidecibelMilliwatts)
      figure("snr", frame.snrCentidecibels)
      member("bytes", hex: frame.bytes)
      endObject()
      return
    }
    write(after, powerOfTen: -3)
    write(" s  ")
    figure(frame.packetRSSICentidecibelMilliwatts, " dBm  SNR ")
    figure(frame.snrCentidecibels, " dB  ")
    write(UInt64(frame.byteCount))
    write(" bytes  ")
    write(hex: frame.bytes)
    newLine()
  }

  private mutating func figure(_ name: StaticString, _ value: Int32?) {
    if let value { member(name, Int64(value)) } else { member(null: name) }
  }

  private mutating func figure(_ value: Int32?, _ unit: StaticString) {
    if let value { write(Int64(value), powerOfTen: -2) } else { write("?") }
    write(unit)
  }
}
