import Air

/// A radio as the air sees it: a module, or a chip.
public protocol AirRadio: AnyObject {
  var isReceiving: Bool { get }
  var tuning: AirTuning { get }
  var onTransmit: ((AirFrame) -> Void)? { get set }
  /// How it tells of what it receives.
  var figureStyle: AirFigureStyle { get }
  /// A frame has arrived; false when it does not hear it.
  func take(_ reception: AirReception, now: Int64) -> Bool
}

extension AirFigures {
  fileprivate init(_ reception: AirReception) {
    self.init(
      rssi: Int(reception.rssiCentidecibelMilliwatts), snr: Int(reception.snrCentidecibels ?? 0))
  }
}

extension SerialModuleModel: AirRadio {
  /// RN2483 and RN2903 have an SX1276, the others an SX1262 or its like.
  public var figureStyle: AirFigureStyle { self is RN2483Model ? .sx127xModule : .sx126xModule }

  public func take(_ reception: AirReception, now: Int64) -> Bool {
    deliver(reception.transmission.bytes, AirFigures(reception), now: now)
  }
}

extension RadioChipModel: AirRadio {
  public var figureStyle: AirFigureStyle { self is SX127xModel ? .sx127x : .sx126x }

  public func take(_ reception: AirReception, now: Int64) -> Bool {
    deliver(
      reception.transmission.bytes, AirFigures(reception),
      frequencyErrorHertz: Int(reception.frequencyErrorHertz ?? 0), now: now)
  }
}

/// Radio modules and chips in one air: what each listens to and sends goes to the medium, and what the medium lets it
/// hear goes to the radio. Turned by whoever owns it, by the clock of the radios in milliseconds.
///
/// A turn that is late makes its radios late with it: a frame arrives when the turn comes.
public final class ModuleAir {
  /// What became of a frame at one module.
  public struct Told: Equatable, Sendable {
    public let event: AirEvent
    /// The model took it; false when its radio had left reception since, or is deaf.
    public let isTaken: Bool
  }

  /// A frame that has been put on the air, with the medium's number.
  public struct Begun: Equatable, Sendable {
    public let number: Int
    public let transmission: AirTransmission
  }

  public private(set) var medium: Medium
  private var modules: [(model: any AirRadio, station: Int)] = []
  private var waiting: [(station: Int, frame: AirFrame)] = []
  /// Frames that were no LoRa, or came while their module was sending.
  public private(set) var refusedFrameCount = 0

  public init(_ medium: Medium) { self.medium = medium }

  /// Puts a module into the air. Its figures are told as its firmware does it.
  @discardableResult
  public func attach(_ model: any AirRadio, _ station: AirStation) -> Int {
    var station = station
    station.figures = model.figureStyle
    let number = medium.add(station)
    modules.append((model, number))
    model.onTransmit = { [weak self] in self?.waiting.append((number, $0)) }
    return number
  }

  /// A station that has no module: its frames are put into the air by hand.
  public func add(_ station: AirStation) -> Int { medium.add(station) }

  public func transmit(_ transmission: AirTransmission) throws(Medium.Refusal) -> Begun {
    Begun(number: try medium.transmit(transmission), transmission: transmission)
  }

  /// Takes over what the modules have been set to and told to send, and lets frames arrive that have ended by now.
  /// Tells of frames that begin, too.
  public func turn(now: Int64) -> (begun: [Begun], told: [Told]) {
    let time = max(now * 1_000, medium.nowMicroseconds)
    var told = deliver(now: now, time)
    for (model, station) in modules {
      let listening = model.isReceiving ? AirListening.one(AirChannel(model.tuning)) : nil
      do throws(Medium.Refusal) {
        try medium.tune(station, to: listening, atMicroseconds: time)
      } catch { refusedFrameCount += 1 }
    }
    var begun: [Begun] = []
    for (station, frame) in waiting {
      guard let transmission = AirTransmission(frame, sender: station, notBefore: time) else {
        refusedFrameCount += 1
        continue
      }
      do throws(Medium.Refusal) {
        begun.append(
          Begun(number: try medium.transmit(transmission), transmission: transmission))
      } catch { refusedFrameCount += 1 }
    }
    waiting = []
    told += deliver(now: now, time)
    return (begun, told)
  }

  private func deliver(now: Int64, _ time: Int64) -> [Told] {
    medium.advance(toMicroseconds: time).map { event in
      guard case .heard(let reception) = event,
        let model = modules.first(where: { $0.station == reception.receiver })?.model
      else { return Told(event: event, isTaken: false) }
      return Told(event: event, isTaken: model.take(reception, now: now))
    }
  }

  /// When something next happens in the air by itself; nil when nothing is on it.
  public var nextMilliseconds: Int64? {
    guard waiting.isEmpty else { return 0 }
    return medium.nextMicroseconds.map { ($0 + 999) / 1_000 }
  }
}

extension AirChannel {
  init(_ tuning: AirTuning) {
    self.init(
      frequencyHertz: tuning.frequencyHertz,
      spreadingFactor: UInt8(clamping: tuning.spreadingFactor),
      bandwidthHertz: tuning.bandwidthHertz, syncWord: tuning.syncWord,
      hasInvertedIQ: tuning.hasInvertedIQ)
  }
}

extension AirTransmission {
  /// Nil for what no LoRa radio sends.
  init?(_ frame: AirFrame, sender: Int, notBefore time: Int64) {
    guard let rate = UInt8(exactly: frame.tuning.codingRateDenominator),
      let preamble = UInt16(exactly: frame.tuning.preambleSymbolCount)
    else { return nil }
    self.init(
      sender: sender, bytes: frame.bytes, channel: AirChannel(frame.tuning),
      codingRateDenominator: rate, preambleSymbolCount: preamble,
      powerCentidecibelMilliwatts: Int32(clamping: frame.tuning.powerDecibelMilliwatts * 100),
      startMicroseconds: max(time, frame.startedAt * 1_000))
  }
}
