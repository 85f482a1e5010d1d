import CBOR
import Delivery
import FixedMemory
import Identity
import LinuxPlatform
import NodeFiles
import P256Signatures
import Proofs
import Records
import Verifier

/// A small file with one value, as it was found.
enum StoredValue<Value> {
  case missing
  case unreadable(FileFailure)
  case damaged(RefusalCode)
  case value(Value)

  /// The value; nil when there is none.
  var found: Value? {
    guard case .value(let value) = self else { return nil }
    return value
  }
}

/// Who this node says it is, and what the gateway said of that.
struct IdentityReport {
  /// How a gateway took the enrolment.
  enum Standing {
    /// No enrolment: the agent has not made one, or it can't be used.
    case notEnrolled
    /// The uplink has not got an answer yet.
    case unanswered
    /// Taken as this node; `isCurrent` is false when that was an earlier enrolment.
    case taken(node: Digest, version: UInt64, isCurrent: Bool)
    case refused(code: UInt16, version: UInt64, isCurrent: Bool)
  }

  let enrolment: StoredValue<VerifiedEnrolment>
  let answer: StoredValue<EnrolmentAnswer>
  /// The enrolment is of the key in device.pub.
  let isOfThisKey: Bool

  init(reading paths: NodePaths, of key: PublicKey?) {
    enrolment = Self.readEnrolment(paths.enrolment)
    answer = Self.readAnswer(paths.enrolmentAnswer)
    isOfThisKey =
      key == nil || enrolment.found == nil || enrolment.found?.enrolment.deviceKey == key
  }

  var standing: Standing {
    guard let enrolment = enrolment.found, isOfThisKey else { return .notEnrolled }
    guard let answer = answer.found else { return .unanswered }
    let isCurrent = answer.enrolmentHash == enrolment.hash
    switch answer.verdict {
    case .taken(let node):
      return .taken(node: node, version: answer.version, isCurrent: isCurrent)
    case .refused(let code):
      return .refused(code: code, version: answer.version, isCurrent: isCurrent)
    }
  }

  /// The owner of the invite or succession; nil without one.
  var owner: PublicKey? {
    switch enrolment.found?.authorization {
    case .invite(let invite): invite.ownerKey
    case .succession(let succession): succession.ownerKey
    case .some(.none), nil: nil
    }
  }

  private static func readEnrolment(_ path: FixedPath) -> StoredValue<VerifiedEnrolment> {
    var bytes = InlineArray<573, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return unread(error)
    }
    do throws(Refusal) {
      return .value(
        try VerifiedEnrolment(verifying: span.span.extracting(0..<count), es256: OpenSSLES256()))
    } catch { return .damaged(error.code) }
  }

  private static func readAnswer(_ path: FixedPath) -> StoredValue<EnrolmentAnswer> {
    var bytes = InlineArray<128, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return unread(error)
    }
    do throws(CBORDecoder.Failure) {
      return .value(try EnrolmentAnswer(decoding: span.span.extracting(0..<count)))
    } catch { return .damaged(Refusal(error).code) }
  }

  /// A file that is too long for its kind is damaged, not away.
  static func unread<Value>(_ failure: FileFailure) -> StoredValue<Value> {
    switch failure {
    case .notFound: .missing
    case .tooLong: .damaged(.tooLarge)
    case .notAFile, .pathTooLong, .noSpace, .system: .unreadable(failure)
    }
  }
}
