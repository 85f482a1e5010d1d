import Foundation

/// The air between radios: who hears which frame, and how. Discrete events, hand-cranked: times are arguments, draws
/// come from the seed, and the same calls give the same results. No I/O.
///
///     add ──► stations
///     tune(station, to, at)      what a receiver looks for, from then on
///     transmit(frame)            a frame that begins now or later
///     advance(to)                what was heard, and missed, by then
///
/// A frame reaches a receiver in two moments. When its preamble is over, the receiver has **found** it or not: it must
/// have listened to five symbols of the preamble, with nothing else in hand, and the signal must be strong enough. When
/// the frame **ends**, it is heard if nothing drowned it since. In between, a radio that hears one frame at a time is
/// deaf to others.
///
/// Left out: the time that waves take (3 µs for a kilometre), Doppler, directions of antennas, reflections that last
/// (fading is drawn anew for each frame), damaged frames.
///
/// Invariants: `due` is ordered; every transmission that has not ended is in `onAir`; a station has at most as many
/// frames in hand as it has demodulators.
public struct Medium: Sendable {
  public enum Refusal: Error, Equatable {
    /// Before a time that the medium has reached.
    case past
    /// The station sends already, or is about to.
    case sending
    case unknownStation
  }

  public let seed: UInt64
  public let propagation: Propagation
  /// Deviation of what radios tell from what is true, for each frame.
  public let readingDecibels: Double
  /// Whether `advance` tells of frames that were looked for, and not heard.
  public var tellsMisses = false
  public internal(set) var nowMicroseconds = Int64.min
  public internal(set) var stations: [AirStation] = []

  var receivers: [Receiver] = []
  var onAir: [Flight] = []
  var due: [Moment] = []
  var told: [AirEvent] = []
  private var transmissionCount = 0

  public init(seed: UInt64, propagation: Propagation, readingDecibels: Double = 0) {
    self.seed = seed
    self.propagation = propagation
    self.readingDecibels = readingDecibels
  }

  /// - `fadingDecibels`: deviation of a frame's power at a receiver from the next frame's.
  public init(
    seed: UInt64, pathLoss: PathLoss, fadingDecibels: Double = 0, readingDecibels: Double = 0
  ) {
    self.init(
      seed: seed,
      propagation: Propagation(pathLoss: pathLoss, fading: .normal(decibels: fadingDecibels)),
      readingDecibels: readingDecibels)
  }

  // MARK: - Stations

  /// Gives the station's number: 0, 1, 2 …
  public mutating func add(_ station: AirStation) -> Int {
    stations.append(station)
    receivers.append(Receiver())
    return stations.count - 1
  }

  /// Moves a station, or changes its radio. Its shadows stay as they are.
  public mutating func change(_ number: Int, to station: AirStation) throws(Refusal) {
    guard stations.indices.contains(number) else { throw .unknownStation }
    stations[number] = station
  }

  /// From `time` on the station looks for these frames; nil: for none. A frame in hand is lost, unless nothing changes.
  public mutating func tune(
    _ number: Int, to listening: AirListening?, atMicroseconds time: Int64
  ) throws(Refusal) {
    guard stations.indices.contains(number) else { throw .unknownStation }
    guard time >= nowMicroseconds else { throw .past }
    reach(time)
    guard receivers[number].listening != listening else { return }
    for lock in receivers[number].inHand { miss(lock, number, .notInTime) }
    receivers[number] = Receiver(listening: listening, sinceMicroseconds: time)
  }

  public func listening(of number: Int) -> AirListening? {
    receivers.indices.contains(number) ? receivers[number].listening : nil
  }

  // MARK: - Frames

  /// Puts a frame on the air. Numbers count from 0.
  @discardableResult
  public mutating func transmit(_ transmission: AirTransmission) throws(Refusal) -> Int {
    guard stations.indices.contains(transmission.sender) else { throw .unknownStation }
    guard transmission.startMicroseconds >= nowMicroseconds else { throw .past }
    guard
      !onAir.contains(where: {
        $0.transmission.sender == transmission.sender
          && $0.overlaps(from: transmission.startMicroseconds, to: transmission.endMicroseconds)
      })
    else { throw .sending }
    let number = transmissionCount
    transmissionCount += 1
    onAir.append(Flight(number: number, transmission: transmission))
    insert(Moment(atMicroseconds: transmission.foundMicroseconds, kind: .found, number: number))
    insert(Moment(atMicroseconds: transmission.endMicroseconds, kind: .end, number: number))
    return number
  }

  /// Lets time pass, and tells what has come of it, in order.
  public mutating func advance(toMicroseconds time: Int64) -> [AirEvent] {
    reach(time)
    defer { told = [] }
    return told
  }

  /// When something next happens by itself; nil when nothing is on the air.
  public var nextMicroseconds: Int64? { due.first?.atMicroseconds }

  /// What is in the channel at a station now: noise, and all that is on the air there.
  public func channelDecibelMilliwatts(_ number: Int, _ channel: AirChannel) throws(Refusal)
    -> Double
  {
    guard stations.indices.contains(number) else { throw .unknownStation }
    let noise = stations[number].noiseDecibelMilliwatts(bandwidthHertz: channel.bandwidthHertz)
    return onAir.reduce(noise) { sum, flight in
      guard flight.transmission.sender != number, flight.transmission.channel.overlaps(channel),
        flight.overlaps(from: nowMicroseconds, to: nowMicroseconds + 1)
      else { return sum }
      return Decibels.sum(sum, signalDecibelMilliwatts(flight, at: number))
    }
  }

  // MARK: - State

  /// What a station is at.
  struct Receiver: Equatable, Sendable {
    var listening: AirListening?
    /// It has listened since, with nothing in hand.
    var sinceMicroseconds = Int64.min
    /// The newest frame in hand ended then.
    var freeMicroseconds = Int64.min
    var inHand: [Lock] = []
  }

  /// A frame that a receiver has found.
  struct Lock: Equatable, Sendable {
    let number: Int
    let transmission: AirTransmission
    let signal: Double
    let noise: Double
    let frequencyErrorHertz: Double
  }

  /// A frame on the air, and afterwards as long as it may have drowned another.
  struct Flight: Equatable, Sendable {
    let number: Int
    let transmission: AirTransmission
    var foundBy: [Int] = []
    var hasEnded = false

    func overlaps(from begin: Int64, to end: Int64) -> Bool {
      transmission.startMicroseconds < end && begin < transmission.endMicroseconds
    }
  }

  struct Moment: Equatable, Sendable {
    enum Kind: Int, Sendable { case end, found }
    let atMicroseconds: Int64
    let kind: Kind
    let number: Int

    /// Who ends at the same moment is out of the way first.
    func isBefore(_ other: Moment) -> Bool {
      (atMicroseconds, kind.rawValue, number)
        < (other.atMicroseconds, other.kind.rawValue, other.number)
    }
  }

  private mutating func insert(_ moment: Moment) {
    let place = due.firstIndex { moment.isBefore($0) } ?? due.count
    due.insert(moment, at: place)
  }

  func checkInvariants() {
    precondition(zip(due, due.dropFirst()).allSatisfy { $0.isBefore($1) }, "moments out of order")
    precondition(receivers.count == stations.count, "a station without a receiver")
    for receiver in receivers {
      precondition(
        receiver.inHand.count <= receiver.listening?.demodulatorCount ?? 0,
        "more frames in hand than demodulators")
    }
    for moment in due {
      precondition(onAir.contains { $0.number == moment.number }, "a moment without a frame")
    }
  }
}
