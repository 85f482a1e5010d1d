import Foundation
import LoRa

/// Attacks with receptions that were elsewhere, or never.
extension Engagement {
  /// Honest in everything but the place.
  mutating func liar(_ metres: ClosedRange<Double>) {
    var liars: [Int] = []
    for _ in 0..<Self.size {
      let truth = anywhere()
      liars.append(join("liar", at: truth, claim: near(truth, metres)))
    }
    send(liars, isFalse: true)
    hear(liars, isFalse: true)
  }

  /// - `isRight`: the frame is the beacon's, from the reveal; else it is guessed.
  mutating func inventor(isRight: Bool) {
    var inventors: [Int] = []
    for _ in 0..<Self.size { inventors.append(join("inventor", at: anywhere())) }
    hear(inventors, isFalse: true) { _, transmission, inventor, engagement in
      engagement.invented(transmission, at: inventor, power: 9.5, noise: 3)
    } and: { claim, transmission, engagement in
      engagement.makeUp(&claim, transmission, isRight: isRight)
    }
  }

  private mutating func makeUp(
    _ claim: inout Trial.Claim, _ transmission: Transmission, isRight: Bool
  ) {
    let leaf = claim.evidence.leaf
    if isRight {
      let window = fleet.course.windows[transmission.window].order.window
      claim.evidence = late(claim.evidence, window.revealUTCMilliseconds + 600_000)
      claim.baseline.lateMilliseconds = 21_600_000
    } else {
      let frame = guess(transmission)
      claim.evidence = changed(claim.evidence, frame: frame.bytes, leaf.value.reception)
      claim.baseline.hasThePayload = false
    }
  }

  /// Real nodes, each at its place, that witness each other wherever they are.
  mutating func ring(knowsPower: Bool) {
    let middle = anywhere()
    var members: [Int] = []
    for _ in 0..<Self.size { members.append(join("ring", at: near(middle, 3_000...8_000))) }
    hear(members, isFalse: false)
    send(
      members, isFalse: false,
      and: { trial, engagement in
        engagement.vouch(members, for: &trial, knowsPower: knowsPower)
      })
  }

  /// Colluders who know the frame say to have heard it.
  mutating func vouch(_ friends: [Int], for trial: inout Trial, knowsPower: Bool) {
    let transmission = trial.transmission
    let heard = Set(trial.claims.map(\.witness))
    for friend in friends where friend != trial.sender && !heard.contains(friend) {
      // Half of the highest and the lowest, for those who don't know.
      let power = knowsPower ? Double(transmission.power) / 100 : 9.5
      guard let told = invented(transmission, at: friend, power: power, noise: 2),
        let claim = fleet.claim(told, of: transmission, isFalse: true)
      else { continue }
      trial.claims.append(claim)
      trial.silent.removeAll { $0 == friend }
    }
  }

  /// One real receiver; keys without a radio at other places pass on what it hears, and vouch for each other's beacons,
  /// which nobody ever sent.
  mutating func relay(_ metres: ClosedRange<Double>, isShifted: Bool, sends: Bool) {
    let receiver = join("receiver", at: anywhere())
    let place = fleet.nodes[receiver].truth
    var keys: [Int] = []
    for _ in 0..<Self.size { keys.append(join("relay", at: place, claim: near(place, metres))) }
    relayed(receiver, keys) { heard, transmission, key, engagement in
      isShifted
        ? engagement.shifted(heard, transmission, from: receiver, to: key)
        : Heard(
          witness: key, endUTC: heard.endUTC, rssi: heard.rssi, snr: heard.snr,
          frequencyError: heard.frequencyError)
    }
    guard sends else { return }
    for key in keys {
      for window in windows {
        guard let transmission = fleet.transmission(key, window) else { continue }
        draws.append(fleet.draw(transmission, wasSent: true))
        var trial = Trial(
          sender: key, transmission: transmission, evidence: fleet.evidence(transmission))
        trial.baseline.powerDBM = Double(transmission.power) / 100
        trial.baseline.frequency = Double(transmission.frequency)
        for node in fleet.nodes.indices
        where node != key && fleet.listens(node, to: transmission)
          && fleet.nodes[node].claim.metres(to: fleet.nodes[key].claim) < Fleet.reach
        {
          trial.silent.append(node)
        }
        vouch(keys + [receiver], for: &trial, knowsPower: true)
        settle(trial)
      }
    }
  }

  /// What the receiver hears, said by itself and by each key.
  mutating func relayed(
    _ receiver: Int, _ keys: [Int],
    _ edit: (Heard, Transmission, Int, inout Engagement) -> Heard?
  ) {
    for transmission in world.transmissions {
      var trial = Trial(
        sender: transmission.sender, transmission: transmission,
        evidence: fleet.evidence(transmission))
      trial.baseline.powerDBM = Double(transmission.power) / 100
      trial.baseline.frequency = Double(transmission.frequency)
      let real = fleet.hear(transmission, at: receiver)
      if let real, let claim = fleet.claim(real, of: transmission, isFalse: false) {
        trial.claims.append(claim)
      } else if fleet.listens(receiver, to: transmission) {
        trial.silent.append(receiver)
      }
      for key in keys {
        if let real, let told = edit(real, transmission, key, &self),
          let claim = fleet.claim(told, of: transmission, isFalse: true)
        {
          trial.claims.append(claim)
        } else if fleet.listening[transmission.window][key] != nil {
          trial.silent.append(key)
        }
      }
      settle(trial)
    }
  }

  /// S moved by what the claimed place would have less or more, a new pair's shadow and fading of its own; the
  /// frequency error moved to the key's own oscillator.
  mutating func shifted(
    _ heard: Heard, _ transmission: Transmission, from receiver: Int, to key: Int
  ) -> Heard? {
    let sender = fleet.nodes[transmission.sender]
    let (real, told) = (fleet.nodes[receiver], fleet.nodes[key])
    let away =
      fitted(sender.claim, told.claim, pair: (transmission.sender, key), spread: 6)
      - fitted(sender.claim, real.truth, pair: (0, 0), spread: 0)
    let signal = Double(heard.signal) / 100 - away + fleet.random.normal(1.5)
    let least =
      Double(
        SignalPower.lowestSNRCentidecibels(spreadingFactor: transmission.factor)) / 100
    guard signal + 117 >= least else { return nil }
    return fleet.figures(transmission, at: key, signal: signal, noise: -117)
  }

  /// One receiver's figures, each key's with a constant of its own and a little noise.
  mutating func middleman() {
    let receiver = join("receiver", at: anywhere())
    let place = fleet.nodes[receiver].truth
    var keys: [Int] = []
    for _ in 0..<Self.size {
      keys.append(join("middleman", at: place, claim: near(place, 500...2_000)))
    }
    relayed(receiver, keys) { heard, _, key, engagement in
      let constant = Int32(key % 7) * 100 - 300
      return Heard(
        witness: key, endUTC: heard.endUTC,
        rssi: heard.rssi + constant + Int32((engagement.fleet.random.normal(1)).rounded()) * 50,
        snr: min(1_000, heard.snr + constant),
        frequencyError: heard.frequencyError + Int32(key % 7) * 300)
    }
  }

  /// Keys on one board, at places around it: they all send, each from the same antenna, and edit what it hears. Each
  /// key sends on a frequency a little aside, so that it seems to have an oscillator of its own.
  mutating func cluster() {
    let place = anywhere()
    let board = join("cluster", at: place)
    var keys = [board]
    for index in 1..<Self.size {
      let key = join("cluster", at: place, claim: near(place, 500...3_000), onRadioOf: board)
      fleet.nodes[key].oscillator.offsetPPM += Double(index) * 0.9 - 2.7
      keys.append(key)
    }
    relayed(board, Array(keys.dropFirst())) { heard, transmission, key, engagement in
      engagement.shifted(heard, transmission, from: board, to: key)
    }
    send(
      keys, isFalse: true,
      and: { trial, engagement in
        engagement.vouch(keys, for: &trial, knowsPower: true)
      })
  }

  /// What is heard is sent once more, stronger, right behind: who had not heard it may hear the copy.
  mutating func rebroadcaster() {
    var repeaters: [Int] = []
    for _ in 0..<Self.size { repeaters.append(join("rebroadcaster", at: anywhere())) }
    var heard: Set<Int> = []
    for observation in world.observations where observation.reception != nil {
      heard.insert(key(observation.sender, observation.witness, observation.number))
    }
    // One window in four: more would break the share of the hour.
    for transmission in world.transmissions where transmission.window % 4 == 0 {
      for repeater in repeaters where fleet.hear(transmission, at: repeater) != nil {
        var copy = transmission
        copy.sender = repeater
        copy.startUTC = transmission.endUTC + Int64(fleet.random.within(5...40))
        copy.output = 14
        settle(copied(copy, of: transmission, heard))
        break
      }
    }
  }

  private func key(_ sender: Int32, _ witness: Int32, _ number: UInt32) -> Int {
    (Int(number) * 1_000 + Int(sender)) * 1_000 + Int(witness)
  }

  private mutating func copied(
    _ copy: Transmission, of transmission: Transmission, _ heard: Set<Int>
  ) -> Trial {
    var trial = Trial(
      sender: transmission.sender, transmission: transmission,
      evidence: fleet.evidence(transmission))
    trial.baseline.powerDBM = Double(transmission.power) / 100
    trial.baseline.frequency = Double(transmission.frequency)
    let number = fleet.course.windows[transmission.window].number
    for node in 0..<world.size.nodes
    where node != transmission.sender
      && !heard.contains(key(Int32(transmission.sender), Int32(node), number))
    {
      guard let second = fleet.hear(copy, at: node),
        let claim = fleet.claim(second, of: transmission, isFalse: true)
      else { continue }
      trial.claims.append(claim)
    }
    return trial
  }
}
