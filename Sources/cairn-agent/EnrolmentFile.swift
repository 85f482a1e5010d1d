import CBOR
import FixedMemory
import Identity
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Signers

/// What this node says of itself to gateways: `enrolment.cose`, signed anew when the site file says something
/// else than it did (docs/identity.md). Ends the program when the file can't be kept.
///
/// - `learnt`: what a gateway has as this key's newest, verified and not older than the file. When it says what
///   the site file says, it is the file from here on; else the version after it is signed.
func keepEnrolment(
  _ paths: NodePaths, _ site: borrowing SiteConfiguration, key: inout FileKey,
  anchor: AnchorWanted, learnt: Span<UInt8> = Span()
) {
  var authorization = InlineArray<512, UInt8>(repeating: 0)
  var authorizationSpan = authorization.mutableSpan
  let authorizationCount = site.enrolment?.decodeAuthorization(into: &authorizationSpan) ?? 0
  guard authorizationCount <= Enrolment.maximumAuthorizationByteCount else {
    end(
      .configuration,
      "cairn-agent: [enrolment]: the authorization is longer than any that an owner signs")
  }
  var wanted = Enrolment(
    version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil,
    place: place(site), radio: radio(site), validFromUTCMilliseconds: nil)
  if case .anchor(let known) = anchor { wanted.anchor = known }
  var file = InlineArray<1024, UInt8>(repeating: 0)
  var fileSpan = file.mutableSpan
  var fileCount = learnt.count
  if learnt.isEmpty {
    fileCount = readEnrolment(paths, into: &fileSpan)
  } else {
    fileSpan.copy(learnt)
  }
  do throws(CBORDecoder.Failure) {
    let message = fileSpan.span.extracting(0..<fileCount)
    let kept = try Enrolment.decode(message)
    if kept.enrolment.deviceKey == key.publicKey, kept.enrolment.version < UInt64(Int64.max) {
      wanted.version = kept.enrolment.version
      wanted.previous = kept.enrolment.previous
      if case .unchanged = anchor { wanted.anchor = kept.enrolment.anchor }
      if wanted == kept.enrolment,
        message.extracting(kept.authorization).equals(
          authorizationSpan.span.extracting(0..<authorizationCount))
      {
        if !learnt.isEmpty { write(learnt, paths) }
        return
      }
      wanted.version = kept.enrolment.version + 1
      wanted.previous = try COSESign1.hash(of: message)
    }
  } catch {
    // No file, or none of this version: the first enrolment. A gateway that knows a later one says so.
  }
  do throws(SigningFailure) {
    let signed = try wanted.sign(
      authorization: authorizationSpan.span.extracting(0..<authorizationCount), with: &key,
      into: file.mutableSpan)
    write(file.span.extracting(0..<signed.byteCount), paths)
  } catch {
    end(.storageFailed, "cairn-agent: the key did not sign the enrolment")
  }
}

private func write(_ enrolment: Span<UInt8>, _ paths: NodePaths) {
  do throws(FileFailure) {
    try atomicReplace(paths.enrolment, with: enrolment, mode: 0o644)
  } catch {
    var text = TextBuilder<512>()
    text.append("cairn-agent: enrolment.cose can't be written beside the key: ")
    switch error {
    case .system(let errno): text.append(SystemError(errno: errno))
    case .noSpace: text.append("the disk has no room for it: free some")
    case .notFound, .notAFile: text.append("no such folder; look at --state")
    case .tooLong, .pathTooLong: text.append("the path is too long")
    }
    end(.storageFailed, text.span)
  }
}

/// The version that enrolment.cose has; 0 without one of this key's.
func enrolmentVersion(_ paths: NodePaths, _ key: PublicKey) -> UInt64 {
  var file = InlineArray<1024, UInt8>(repeating: 0)
  var span = file.mutableSpan
  let count = readEnrolment(paths, into: &span)
  do throws(CBORDecoder.Failure) {
    let kept = try Enrolment.decode(span.span.extracting(0..<count)).enrolment
    return kept.deviceKey == key ? kept.version : 0
  } catch { return 0 }
}

private func readEnrolment(_ paths: NodePaths, into span: inout MutableSpan<UInt8>) -> Int {
  do throws(FileFailure) { return try readFile(paths.enrolment, into: &span) } catch { return 0 }
}

/// The ranges are those of the site file, so that none is out of the document's.
private func place(_ site: borrowing SiteConfiguration) -> Place? {
  guard let place = site.place else { return nil }
  return Place(
    latitudeE7: Int32(place.latitudeE7), longitudeE7: Int32(place.longitudeE7),
    altitudeCentimetres: place.altitudeCentimetres.map { Int32($0) },
    heightAboveGroundCentimetres: place.heightCentimetres.map { Int32($0) })
}

private func radio(_ site: borrowing SiteConfiguration) -> RadioSetup? {
  guard let radio = site.radio else { return nil }
  return RadioSetup(
    model: radio.model, region: radio.region,
    transmitPowerHundredthsDBm: Int16(radio.transmitPowerCentidBm),
    antennaGainHundredthsDBi: Int16(radio.antennaGainCentidBi),
    cableLossHundredthsDB: Int16(radio.cableLossCentidB))
}
