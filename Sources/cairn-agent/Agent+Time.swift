import Buses
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records
import Sampling
import Sensors

/// Time and place: from the receiver, else from a wall clock that somebody disciplines.
extension Agent {
  /// Reads what the receiver has sent, 4 KiB at most, and then not for a while: a line that never stops does not
  /// stop the rest, and a usual one does not wake the agent for each of its pieces. The fastest line needs 44 ms
  /// for as much.
  mutating func takeReceiver() {
    guard now >= nextReceiverRead else { return }
    var buffer = InlineArray<512, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    for _ in 0..<8 {
      guard var port = receiverPort.take() else { return }
      do throws(BusError) {
        let count = try port.read(into: &span)
        receiverPort = consume port
        guard count > 0 else { return }
        nextReceiverRead = now + Self.receiverPauseMilliseconds
        for index in 0..<count {
          if let fix = receiver.receive(span[index], atMilliseconds: now) { take(fix) }
        }
      } catch {
        // The port is closed by now.
        _ = receiverChanges.take(isPresent: false)
        devices.wantLook()
        return
      }
    }
  }

  private static var receiverPauseMilliseconds: Int64 { 20 }

  /// Takes the receiver's line when it is there, and gives it back when its device has gone or is another.
  mutating func followReceiver() {
    guard let gnss = files.site.gnss, let line = files.board.serialLine(named: gnss.port),
      let path = FixedPath(line.path.span),
      let baudRate = TerminalSerialPort.BaudRate(rawValue: line.baud)
    else { return }
    if let port = receiverPort.take() {
      if port.isAt(path) {
        receiverPort = consume port
        return
      }
      // Not put back: it is closed here.
      _ = consume port
      _ = receiverChanges.take(isPresent: false)
    }
    if let next = receiverOpening.nextAttempt, now < next { return }
    do throws(BusError) {
      receiverPort = try TerminalSerialPort(path: path, baudRate: baudRate)
      receiverOpening = ReceiverOpening()
    } catch {
      // What is not there tells when it comes.
      if error == .disconnected {
        receiverOpening = ReceiverOpening()
      } else {
        tellReceiver(error, gnss.port)
      }
      return
    }
    receiver = GNSSReceiver()
    nextReceiverRead = now
    _ = receiverChanges.take(isPresent: true)
  }

  private mutating func take(_ fix: GNSSFix) {
    let uncertainty = fix.clockUncertaintyMilliseconds(after: lastFix)
    lastFix = fix
    if let utc = fix.utcMilliseconds {
      // The receiver's word counts from when its first byte was read, which may have waited.
      consider(
        ClockMapping(
          source: .gnss, milliseconds: fix.arrivedAtMilliseconds, utcMilliseconds: utc,
          uncertaintyMilliseconds: UInt64(uncertainty + Self.receiverPauseMilliseconds)))
    }
    guard let position = fix.position, now >= nextPosition, let gnss = files.site.gnss else {
      return
    }
    let milliseconds = now
    let isKept = record {
      LeafEncoding.position(
        milliseconds: milliseconds, source: .gnss, latitudeE7: Int64(position.latitudeE7),
        longitudeE7: Int64(position.longitudeE7),
        altitudeCentimetres: fix.altitudeCentimetres.map { Int64($0) },
        accuracyCentimetres: fix.horizontalAccuracyCentimetres.map { Int64($0) }, into: $0)
    }
    if isKept { nextPosition = now + gnss.positionIntervalMilliseconds }
  }

  /// Asks the kernel how its wall clock is kept.
  mutating func lookAtClock() {
    guard now >= nextClockLook else { return }
    nextClockLook = now + files.site.clock.intervalMilliseconds
    do throws(SystemError) {
      let state = try clock.synchronisation()
      let utc = clock.utcMilliseconds()
      guard state.isSynchronised, utc >= Self.earliestUTCMilliseconds else {
        tellNoClock()
        return
      }
      let newest = ClockMapping(
        source: .networkTime, milliseconds: now, utcMilliseconds: utc,
        uncertaintyMilliseconds: UInt64(max(1, state.maximumErrorMilliseconds)))
      let best = kernelClock?.closer(newest) ?? newest
      kernelClock = best
      let told = best.told(at: now)
      consider(
        ClockMapping(
          source: .networkTime, milliseconds: now, utcMilliseconds: told.utcMilliseconds,
          uncertaintyMilliseconds: max(
            Self.networkTimeFloorMilliseconds, told.uncertaintyMilliseconds)))
    } catch {
      // A sandbox that forbids asking leaves the receiver as the only source.
      tellNoClock()
    }
  }

  /// systemd-timesyncd calls the kernel's error zero after each answer, however long the answer's way took: half of a
  /// way of 100 ms is what may be wrong without anybody knowing.
  private static var networkTimeFloorMilliseconds: UInt64 { 50 }

  /// 2020-01-01: a clock that says less was never set, whoever vouches for it.
  private static var earliestUTCMilliseconds: Int64 { 1_577_836_800_000 }

  /// Once in a boot.
  private mutating func tellNoClock() {
    guard mapping == nil, !isNoClockTold else { return }
    isNoClockTold = true
    // Without a reader of standard error the log tells by having no clock leaf.
    do throws(SystemError) {
      try StandardStream.error.write(
        """
        cairn-agent: nobody keeps this board's wall clock, so it is not used: leaves have the time since their boot, \
        and UTC once network time, a receiver or the gateway gives it

        """)
    } catch {}
  }

  /// A receipt says when the gateway had a batch: after its last leaf, and before now. That is a time signed by
  /// the gateway with a bound that needs no trust in how long the way took. The weakest source: only while
  /// no other has spoken.
  mutating func considerGatewayClock(_ receipt: Receipt) {
    guard receipt.epoch == log.state.epoch, receipt.batch == lastSealed?.batch,
      let sealed = lastSealed?.milliseconds,
      mapping == nil || mapping?.source == .gateway
    else { return }
    let halfWay = (now - sealed) / 2
    // Worse than this is no clock: a batch that waited for its delivery.
    guard halfWay <= 60_000 else { return }
    consider(
      ClockMapping(
        source: .gateway, milliseconds: now,
        utcMilliseconds: receipt.receivedUTCMilliseconds + halfWay,
        uncertaintyMilliseconds: UInt64(max(1, halfWay))))
  }

  /// A clock leaf when the mapping is new, has moved, or was told long ago.
  private mutating func consider(_ candidate: ClockMapping) {
    if let mapping {
      let wishes = ClockMapping.Wishes(
        toleranceMilliseconds: UInt64(files.site.clock.toleranceMilliseconds),
        repeatMilliseconds: files.site.clock.repeatIntervalMilliseconds,
        isWanted: isClockWanted, isForBeacons: beacons != nil)
      guard mapping.isReplaced(by: candidate, wishes) else { return }
    }
    // Written with this turn's time: the offset is what was measured.
    let told = ClockMapping(
      source: candidate.source, milliseconds: now, utcMilliseconds: candidate.offset + now,
      uncertaintyMilliseconds: candidate.uncertaintyMilliseconds)
    let isKept = record {
      LeafEncoding.clock(
        milliseconds: told.milliseconds, source: told.source,
        utcMilliseconds: told.utcMilliseconds,
        uncertaintyMilliseconds: told.uncertaintyMilliseconds, into: $0)
    }
    if isKept {
      mapping = told
      isClockWanted = false
    }
  }
}
