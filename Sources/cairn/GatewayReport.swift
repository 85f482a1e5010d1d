import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// What is known here of the gateway: its keys, the newest head of its own log, and whether it was caught
/// contradicting itself.
struct GatewayReport {
  /// As the agent has proved them, from the configured one on.
  let keys: StoredValue<GatewayKeyChain>
  /// Verified with one of these keys, or with the configured one.
  let head: StoredValue<GatewayHead>
  let contradiction: StoredValue<GatewayContradiction>
  /// The configured key is one of those that the agent has proved; true without such a list.
  let isChainOfConfiguredKey: Bool
  /// The key that signs now, as far as it is known here.
  let key: PublicKey?

  init(reading paths: NodePaths, configured: PublicKey?) {
    keys = Self.readKeys(paths.gatewayKeys)
    let chain = keys.found
    isChainOfConfiguredKey = chain == nil || configured == nil || Self.has(chain, configured)
    key = isChainOfConfiguredKey ? chain?.newest ?? configured : configured
    head = Self.readHead(paths.gatewayHead, chain, configured)
    contradiction = Self.readContradiction(paths.gatewayContradiction)
  }

  /// How often the gateway has changed its key, as far as it is proved here.
  var changeCount: Int { (keys.found?.count ?? 1) - 1 }

  /// A file of evidence is there, readable or not: that alone is to be told.
  var isContradicted: Bool {
    if case .missing = contradiction { false } else { true }
  }

  private static func has(_ chain: GatewayKeyChain?, _ key: PublicKey?) -> Bool {
    guard let chain, let key else { return false }
    return chain.contains(key)
  }

  private static func readKeys(_ path: FixedPath) -> StoredValue<GatewayKeyChain> {
    var bytes = InlineArray<4096, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return IdentityReport.unread(error)
    }
    do throws(Refusal) {
      return .value(try chain(in: span.span.extracting(0..<count)))
    } catch { return .damaged(error.code) }
  }

  private static func chain(in bytes: Span<UInt8>) throws(Refusal) -> GatewayKeyChain {
    let list: GatewayKeyList
    do throws(CBORDecoder.Failure) { list = try GatewayKeyList(decoding: bytes) } catch {
      throw Refusal(error)
    }
    return try GatewayKeyChain(verifying: list)
  }

  private static func readHead(
    _ path: FixedPath, _ chain: GatewayKeyChain?, _ configured: PublicKey?
  ) -> StoredValue<GatewayHead> {
    var bytes = InlineArray<192, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return IdentityReport.unread(error)
    }
    let message = span.span.extracting(0..<count)
    let read: GatewayHead
    do throws(CBORDecoder.Failure) { read = try GatewayHead(decoding: message) } catch {
      return .damaged(Refusal(error).code)
    }
    guard let key = chain?.key(withID: read.keyID) ?? configured else {
      return .damaged(.unknownKey)
    }
    do throws(Refusal) {
      return .value(try GatewayHead(verifying: message, gatewayKey: key))
    } catch { return .damaged(error.code) }
  }

  private static func readContradiction(_ path: FixedPath) -> StoredValue<GatewayContradiction> {
    var bytes = InlineArray<2700, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return IdentityReport.unread(error)
    }
    do throws(CBORDecoder.Failure) {
      return .value(try GatewayContradiction(decoding: span.span.extracting(0..<count)))
    } catch { return .damaged(Refusal(error).code) }
  }
}
