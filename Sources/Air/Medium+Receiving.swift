import Foundation
import LoRa

extension Medium {
  /// Everything up to a time.
  mutating func reach(_ time: Int64) {
    while let moment = due.first, moment.atMicroseconds <= time {
      due.removeFirst()
      nowMicroseconds = max(nowMicroseconds, moment.atMicroseconds)
      guard let index = onAir.firstIndex(where: { $0.number == moment.number }) else { continue }
      switch moment.kind {
      case .found: find(index)
      case .end: end(index)
      }
    }
    nowMicroseconds = max(nowMicroseconds, time)
  }

  // MARK: - Found, or not

  private mutating func find(_ index: Int) {
    let flight = onAir[index]
    var found: [Int] = []
    for number in stations.indices where number != flight.transmission.sender {
      guard
        let receiver = receivers[number].listening?.receiver(for: flight.transmission.channel)
      else { continue }
      let lock = Lock(
        number: flight.number, transmission: flight.transmission,
        signal: signalDecibelMilliwatts(flight, at: number),
        noise: stations[number].noiseDecibelMilliwatts(bandwidthHertz: receiver.bandwidthHertz),
        frequencyErrorHertz: frequencyErrorHertz(flight.transmission, at: number, receiver))
      if let reason = whyNotFound(lock, number) {
        miss(lock, number, reason)
      } else {
        receivers[number].inHand.append(lock)
        found.append(number)
      }
    }
    onAir[index].foundBy = found
  }

  /// In the order in which a radio would fail.
  private func whyNotFound(_ lock: Lock, _ number: Int) -> AirMiss.Reason? {
    let frame = lock.transmission
    let receiver = receivers[number]
    let (begin, end) = (frame.latestListenMicroseconds, frame.foundMicroseconds)
    if receiver.sinceMicroseconds > begin { return .notInTime }
    if isSending(number, from: begin, to: end) { return .sending }
    let count = receiver.listening?.demodulatorCount ?? 0
    if receiver.inHand.count >= count { return .busy }
    // A radio with one demodulator must have been free for the preamble too.
    if count == 1, receiver.freeMicroseconds > begin { return .busy }
    if abs(lock.frequencyErrorHertz) > Double(frame.channel.bandwidthHertz) / 4 {
      return .frequencyError
    }
    if !isStrongEnough(lock, number) { return .tooWeak }
    if isDrowned(lock, at: number, from: begin, to: end) { return .drowned }
    return nil
  }

  private func isStrongEnough(_ lock: Lock, _ number: Int) -> Bool {
    var draw = SeededDraw(seed: seed, 1, UInt64(lock.number), UInt64(number))
    return draw.uniform()
      < Propagation.chanceOfFinding(
        signalDecibelMilliwatts: lock.signal, noiseDecibelMilliwatts: lock.noise,
        spreadingFactor: lock.transmission.channel.spreadingFactor)
  }

  // MARK: - Heard, or not

  private mutating func end(_ index: Int) {
    let flight = onAir[index]
    let (begin, end) = (
      flight.transmission.latestListenMicroseconds, flight.transmission.endMicroseconds
    )
    for number in flight.foundBy {
      // Who was set anew has lost it.
      guard let place = receivers[number].inHand.firstIndex(where: { $0.number == flight.number })
      else { continue }
      let lock = receivers[number].inHand.remove(at: place)
      receivers[number].freeMicroseconds = end
      if isSending(number, from: begin, to: end) {
        miss(lock, number, .sending)
      } else if isDrowned(lock, at: number, from: begin, to: end) {
        miss(lock, number, .drowned)
      } else {
        told.append(.heard(reception(lock, number)))
      }
    }
    onAir[index].hasEnded = true
    forgetEnded()
  }

  /// What ended before everything that is on the air, or to come, began can drown nothing any more.
  private mutating func forgetEnded() {
    let first =
      onAir.lazy.filter { !$0.hasEnded }.map(\.transmission.startMicroseconds).min() ?? .max
    onAir.removeAll { $0.hasEnded && $0.transmission.endMicroseconds <= first }
  }

  private func isSending(_ number: Int, from begin: Int64, to end: Int64) -> Bool {
    onAir.contains { $0.transmission.sender == number && $0.overlaps(from: begin, to: end) }
  }

  /// At some moment all others together are too strong for the frame.
  private func isDrowned(_ lock: Lock, at number: Int, from begin: Int64, to end: Int64) -> Bool {
    let channel = lock.transmission.channel
    let others = onAir.filter {
      $0.number != lock.number && $0.transmission.sender != number
        && $0.transmission.channel.overlaps(channel) && $0.overlaps(from: begin, to: end)
    }
    guard !others.isEmpty else { return false }
    let needed = others.map { other in
      Decibels.milliwatts(
        signalDecibelMilliwatts(other, at: number)
          + Self.marginDecibels(channel, against: other.transmission.channel))
    }
    // The sum only grows where one begins.
    let moments = [begin] + others.map { max(begin, $0.transmission.startMicroseconds) }
    return moments.contains { moment in
      let sum = zip(others, needed).reduce(0) { sum, other in
        sum + (other.0.overlaps(from: moment, to: moment + 1) ? other.1 : 0)
      }
      return sum > Decibels.milliwatts(lock.signal)
    }
  }

  /// How much stronger than the other a frame must be. Other slopes are nearly noise to it: from 8 dB above it at SF7
  /// to 23 dB at SF12, 3 dB with each factor, as measurements of such pairs go (D. Croce et al., "Impact of LoRa
  /// imperfect orthogonality", IEEE Communications Letters 22, 2018).
  static func marginDecibels(_ channel: AirChannel, against other: AirChannel) -> Double {
    channel.hasChirps(of: other)
      ? Propagation.captureDecibels : -8 - 3 * (Double(channel.spreadingFactor) - 7)
  }

  // MARK: - Figures

  /// Without fading; the same in both directions when both send with the same power.
  public func pathLossDecibels(_ one: Int, _ other: Int, frequencyHertz: UInt32) -> Double {
    let (near, far) = (stations[one].place, stations[other].place)
    return propagation.lossDecibels(
      seed: seed, from: wayEnd(one), to: wayEnd(other), metres: near.distanceMetres(to: far),
      frequencyHertz: Double(frequencyHertz))
  }

  private func wayEnd(_ number: Int) -> Propagation.End {
    let place = stations[number].place
    let ground = propagation.ground?.decibels(
      seed: seed, eastMetres: place.eastMetres, northMetres: place.northMetres)
    return Propagation.End(
      site: site(number), heightMetres: place.antennaHeightMetres, groundDecibels: ground ?? 0)
  }

  /// A station without a site is one by itself; numbers of sites are far from those.
  private func site(_ number: Int) -> UInt64 {
    stations[number].site.map { $0 | 1 << 63 } ?? UInt64(number)
  }

  func signalDecibelMilliwatts(_ flight: Flight, at number: Int) -> Double {
    let frame = flight.transmission
    let (sender, receiver) = (stations[frame.sender], stations[number])
    let gains =
      sender.antennaGainDecibels - sender.cableLossDecibels + receiver.antennaGainDecibels
      - receiver.cableLossDecibels
    let mean =
      Double(frame.powerCentidecibelMilliwatts) / 100 + gains
      - pathLossDecibels(frame.sender, number, frequencyHertz: frame.channel.frequencyHertz)
    guard propagation.fading != .normal(decibels: 0) else { return mean }
    var draw = SeededDraw(seed: seed, 3, UInt64(flight.number), UInt64(number))
    return mean + propagation.fadingDecibels(draw.normal(), draw.normal())
  }

  /// Sender's frequency less the receiver's, with what both oscillators are off.
  private func frequencyErrorHertz(
    _ frame: AirTransmission, at number: Int, _ receiver: AirChannel
  ) -> Double {
    let time = frame.startMicroseconds
    let sender = stations[frame.sender].oscillator.errorPPM(atMicroseconds: time)
    let own = stations[number].oscillator.errorPPM(atMicroseconds: time)
    let nominal = Double(frame.channel.frequencyHertz)
    return nominal * (1 + sender / 1_000_000)
      - Double(receiver.frequencyHertz) * (1 + own / 1_000_000)
  }

  private func reception(_ lock: Lock, _ number: Int) -> AirReception {
    let station = stations[number]
    var draw = SeededDraw(seed: seed, 4, UInt64(lock.number), UInt64(number))
    let (rssiNoise, snrNoise) = (readingDecibels * draw.normal(), readingDecibels * draw.normal())
    let power = Decibels.sum(lock.signal, lock.noise)
    return AirReception(
      transmissionNumber: lock.number, transmission: lock.transmission, receiver: number,
      rssiCentidecibelMilliwatts: station.figures.rssi(
        power + station.rssiOffsetDecibels + rssiNoise),
      snrCentidecibels: station.figures.snr(lock.signal - lock.noise + snrNoise),
      frequencyErrorHertz: station.figures.hasFrequencyError
        ? Int32(lock.frequencyErrorHertz.rounded()) : nil,
      signalDecibelMilliwatts: lock.signal, noiseDecibelMilliwatts: lock.noise)
  }

  mutating func miss(_ lock: Lock, _ number: Int, _ reason: AirMiss.Reason) {
    guard tellsMisses else { return }
    told.append(
      .missed(
        AirMiss(
          transmissionNumber: lock.number, transmission: lock.transmission, receiver: number,
          reason: reason, signalDecibelMilliwatts: lock.signal, noiseDecibelMilliwatts: lock.noise)
      ))
  }
}
