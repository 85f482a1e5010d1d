import AgentMessages
import Buses
import Coverage
import DeviceLog
import FixedMemory
import LinuxGPIO
import LinuxPlatform
import LoRa
import NodeConfiguration
import NodeFiles
import Proofs
import RadioDuties
import Radios
import Records
import Sampling

/// A module behind a serial line, or a chip behind SPI with lines of its own.
typealias AgentRadio = AnyRadio<TerminalSerialPort, AnySPIDevice, AnyRadioLines>

/// The radio's line while it is open: the line itself is the radio's.
struct RadioLine {
  /// Nil where nothing wakes the agent.
  let descriptor: Int32?
  let identity: FileIdentity
}

/// The radio: its line comes and goes as a receiver's does; what it hears becomes leaves. What is done with it is
/// RadioDuties'.
extension Agent {
  /// Sensors are 1 to 16, pulses 17 to 20.
  static var radioSchema: UInt16 { 33 }
  /// What one turn takes of a radio: a flood does not stop the rest.
  private static var actionLimit: Int { 32 }

  /// Nil when the site file gives the radio neither line nor wiring. A region that is none ends the program.
  static func radioDuty(_ files: borrowing NodeConfigurationFiles, keyHash: Digest)
    -> RadioDuty<AgentRadio>?
  {
    guard let radio = files.site.radio, !radio.place.isEmpty else { return nil }
    return RadioDuty(
      plan: RegionPlan(region(of: radio)), ownKeyHash: keyHash,
      transmitPowerCentidecibelMilliwatts: Int32(clamping: radio.transmitPowerCentidBm),
      frameLimit: radio.framesPerMinute)
  }

  /// A region that is none ends the program.
  static func region(of radio: SiteConfiguration.Radio) -> RegionPlan.Region {
    if let region = RegionPlan.Region(name: radio.region.span) { return region }
    var text = TextBuilder<256>()
    text.append("cairn-agent: [radio] region: ")
    text.append(radio.region.span)
    text.append(" is none of EU868, US915, AU915, AS923-1, AS923-2, AS923-3, AS923-4, ")
    text.append("AS923-1-JP, IN865, KR920, EU433, CN470")
    end(.configuration, text.span)
  }

  /// In letters of either case; nil for a name that is no module's: then each is asked for.
  private static func kind(named name: Name) -> RadioKind? {
    var lower = FixedText<24>()
    for index in name.span.indices {
      let byte = name.span[index]
      lower.write(byte: (0x41...0x5a).contains(byte) ? byte + 0x20 : byte)
    }
    guard let kind = RadioKind(text: lower.span), kind.path == .serialCommands else { return nil }
    return kind
  }

  var nodeTime: NodeTime {
    NodeTime(
      milliseconds: now, utcMilliseconds: mapping.map { $0.offset + now },
      uncertaintyMilliseconds: mapping?.uncertainty(at: now) ?? 0)
  }

  /// The chip's wiring; nil for a module.
  private var chipWiring: BoardProfile.LoRaWiring? {
    guard let name = files.site.radio?.wiring, !name.isEmpty else { return nil }
    return files.board.loRaWiring(named: name)
  }

  /// Takes the radio's line or bus when it is there, and gives it back when its device has gone or is another.
  mutating func followRadio() {
    guard radio != nil, let path = files.radioDevice else { return }
    var found: FileIdentity?
    do throws(FileFailure) { found = try FileIdentity(at: path) } catch {}
    if let open = radioLine {
      guard found != open.identity else { return }
      dropRadio()
    }
    guard let found else {
      if let wiring = chipWiring { chipIsNowhere(wiring) } else { radioOpening = RadioOpening() }
      return
    }
    let opened: AgentRadio?
    if let wiring = chipWiring {
      opened = openChip(wiring, found)
    } else {
      opened = openModule(path, found)
    }
    guard let opened else { return }
    let time = nodeTime
    radio?.attach(opened, at: time)
    _ = radioChanges.take(isPresent: true)
  }

  private mutating func openModule(_ path: FixedPath, _ identity: FileIdentity) -> AgentRadio? {
    guard let site = files.site.radio, let line = files.board.serialLine(named: site.port),
      let baudRate = TerminalSerialPort.BaudRate(rawValue: line.baud)
    else { return nil }
    if let next = radioOpening.nextAttempt, now < next { return nil }
    do throws(BusError) {
      let port = try TerminalSerialPort(
        path: path, baudRate: baudRate,
        writeMarginMilliseconds: RadioBounds.lineMarginMilliseconds)
      // A link may have been turned meanwhile: the next look sees that.
      radioLine = RadioLine(descriptor: port.pollDescriptor, identity: identity)
      radioOpening = RadioOpening()
      return .serial(SerialRadio(port: port, expected: Self.kind(named: site.model)))
    } catch {
      // What is not there tells when it comes.
      if error == .disconnected {
        radioOpening = RadioOpening()
      } else {
        tellOpening(.port(error), site.port, bus: site.port)
      }
      return nil
    }
  }

  private mutating func dropRadio() {
    let time = nodeTime
    radio?.detach(at: time)
    radioLine = nil
    _ = radioChanges.take(isPresent: false)
  }

  /// Tells the time anew, and how long the agent was at something else since it looked at the radio: what came
  /// meanwhile has waited.
  private mutating func takeUnlooked() -> UInt32 {
    tick()
    let unlooked = now - radioLookedAt - restedMilliseconds
    (radioLookedAt, restedMilliseconds) = (now, 0)
    return UInt32(clamping: unlooked)
  }

  /// Lets the radio go on, and writes what it brings.
  mutating func takeRadio() {
    for _ in 0..<Self.actionLimit {
      // A step, or a leaf, can take long: a frame has not come before it was there to be seen.
      let unlooked = takeUnlooked()
      let time = nodeTime
      guard var duty = radio.take() else {
        nextRadioStep = .max
        return
      }
      let action = duty.step(at: time, unlookedMilliseconds: unlooked)
      let kind = duty.identity?.kind
      nextRadioStep = duty.nextStep(at: time)
      radio = consume duty
      if let kind, kind != toldRadio { tellRadio(kind) }
      guard let action else { return }
      perform(action)
    }
    nextRadioStep = now
  }

  mutating func perform(_ action: RadioDutyAction) {
    let (schema, milliseconds) = (Self.radioSchema, now)
    let isKept: Bool
    switch action {
    case .writeWitness(let witness):
      isKept = record {
        LeafEncoding.witness(schema: schema, milliseconds: milliseconds, witness, into: $0)
      }
    case .writeListen(let listen):
      isKept = record {
        LeafEncoding.listen(schema: schema, milliseconds: milliseconds, listen, into: $0)
      }
    case .writeFrame(let frame):
      isKept = record {
        LeafEncoding.frame(
          schema: schema, milliseconds: milliseconds, frame, receipt: Span(), into: $0)
      }
    case .transmissionEnded(let number, let outcome):
      take(outcome, of: number)
      isKept = true
    case .writeFramesRefused(let reason, let count):
      isKept = recordRadio(.framesRefused, UInt64(reason.rawValue), count)
    case .writeDeaf(let since): isKept = recordRadio(.radioDeaf, UInt64(since), nil)
    case .writeReset(let reason, let count):
      isKept = recordRadio(.radioReset, UInt64(reason.rawValue), count)
    case .writeFault(let code, let count):
      isKept = record {
        LeafEncoding.fault(
          schema: schema, milliseconds: milliseconds, code: code, count: count, into: $0)
      }
    case .lineGone:
      dropRadio()
      if chipWiring == nil {
        devices.wantLook()
      } else {
        // Its device may be there as ever, and what is behind it not.
        radioOpening.nextAttempt = now + RadioOpening.attemptMilliseconds
      }
      isKept = true
    }
    // With a full ring a gap leaf tells how many leaves there was no room for.
    if !isKept { missedWhileFull += 1 }
  }

  private mutating func recordRadio(_ code: EventCode, _ first: UInt64, _ second: UInt64?)
    -> Bool
  {
    var arguments = FixedArray<3, UInt64>(filler: 0)
    arguments.append(first)
    if let second { arguments.append(second) }
    let milliseconds = now
    return record {
      LeafEncoding.radioEvent(
        code, schema: Self.radioSchema, milliseconds: milliseconds, arguments, into: $0)
    }
  }

  /// Which radio it is, and how it is reached.
  mutating func tellRadio(_ kind: RadioKind) {
    guard let port = files.site.radio?.place else { return }
    let milliseconds = now
    if let known = toldRadio, known != kind {
      _ = record {
        LeafEncoding.device(
          .sensorReplaced, schema: Self.radioSchema, milliseconds: milliseconds, name: port.span,
          into: $0)
      }
    }
    let isKept = record {
      LeafEncoding.schema(
        schema: Self.radioSchema, milliseconds: milliseconds,
        quantities: Quantities(filler: Quantity(name: "", unit: "", powerOfTen: 0)),
        chip: kind.name, bus: port.span, address: 0, serialNumber: Span(), into: $0)
    }
    if isKept { toldRadio = kind }
  }

  /// Before the log ends: what the windows have so far, and what was counted.
  mutating func finishRadio() {
    let time = nodeTime
    // Each takes something away of what was kept: no more than windows, reasons and codes of faults are.
    while let action = radio?.finish(at: time) { perform(action) }
    while let action = concentrator?.finish(at: time) { perform(action) }
  }

  /// What it heard last.
  mutating func heardFrames() -> HeardFrames {
    var heard = HeardFrames()
    let known: FixedArray<8, HeardFrame>
    if let duty = radio.take() {
      heard.count = duty.heardCount
      known = duty.heardFrames
      radio = consume duty
    } else if let duty = concentrator.take() {
      heard.count = duty.heardCount
      known = duty.heardFrames
      concentrator = consume duty
    } else {
      return heard
    }
    for index in known.indices {
      var frame = HeardFrames.Frame()
      frame.milliseconds = known[index].milliseconds
      frame.frequencyHertz = known[index].frequencyHertz
      frame.spreadingFactor = known[index].spreadingFactor
      frame.byteCount = known[index].byteCount
      frame.firstByte = known[index].firstByte
      frame.rssiCentidecibelMilliwatts = known[index].rssiCentidecibelMilliwatts
      frame.snrCentidecibels = known[index].snrCentidecibels
      heard.frames.append(frame)
    }
    return heard
  }

  /// What the socket's status says of it.
  mutating func radioStatus() -> RadioStatus? {
    guard let duty = radio.take() else {
      var status = concentratorStatus()
      status?.transmits = airtime != nil
      // It sends on all channels.
      status?.airtimeLeftMicroseconds = airtime?.leastLeftMicroseconds(
        now: now + startBootMilliseconds)
      status?.sentCount = sentCount
      status?.lastReasonNumber = lastBeaconReason?.rawValue ?? 0
      status?.clockErrorMilliseconds = mapping?.uncertainty(at: now)
      status?.clockLimitMilliseconds = clockLimitMilliseconds
      return status
    }
    var status = RadioStatus()
    status.isAttached = radioLine != nil
    status.kindNumber = duty.identity?.kind.rawValue ?? 0
    status.stateNumber = duty.state.rawValue
    status.frequencyHertz = duty.setting?.frequencyHertz
    status.spreadingFactor = duty.setting?.modulation.spreadingFactor
    status.frameCount = duty.heardCount
    status.witnessCount = duty.witnessCount
    status.lastFrameMilliseconds = duty.lastFrame?.milliseconds
    status.lastRSSICentidecibelMilliwatts = duty.lastFrame?.rssiCentidecibelMilliwatts
    status.lastSNRCentidecibels = duty.lastFrame?.snrCentidecibels
    let fault = radioOpening.failure?.faultCode ?? duty.lastFault
    status.lastFaultNumber = UInt16(fault?.rawValue ?? 0)
    status.transmits = airtime != nil
    status.sentCount = sentCount
    status.lastReasonNumber = lastBeaconReason?.rawValue ?? 0
    status.clockErrorMilliseconds = mapping?.uncertainty(at: now)
    status.clockLimitMilliseconds = clockLimitMilliseconds
    if let hertz = status.frequencyHertz {
      status.airtimeLeftMicroseconds = airtime?.leftMicroseconds(
        frequencyHertz: hertz, now: now + startBootMilliseconds)
    }
    radio = consume duty
    return status
  }
}
