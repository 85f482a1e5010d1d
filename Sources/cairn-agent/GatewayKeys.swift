import CBOR
import FixedMemory
import LinuxPlatform
import NodeFiles
import Proofs
import Records
import Verifier

/// The gateway's keys: the configured one, and those that followed it, each named by the one before
/// (docs/key-file.md, the gateway's keys).
///
/// Invariants: the chain is what the file proves, and was durable there before it counted.
struct GatewayKeys {
  private let path: FixedPath
  /// Nil when the site file names no key: then nothing of a gateway is believed.
  private let configured: PublicKey?
  private(set) var chain: GatewayKeyChain?

  init(_ paths: NodePaths, configured: FixedBytes<32>?) {
    path = paths.gatewayKeys
    self.configured = configured.map { PublicKey(ed25519: $0) }
    var file = InlineArray<4096, UInt8>(repeating: 0)
    _ = read(into: &file)
  }

  /// The key that signs challenges and heads now.
  var newest: PublicKey? { chain?.newest }

  /// Takes a change of the newest key. Nil when it was taken: then it is durable.
  mutating func take(change message: Span<UInt8>) -> Refusal? {
    var file = InlineArray<4096, UInt8>(repeating: 0)
    // What the file says now: when it was taken away, the uplink brings all of it again.
    let count = read(into: &file)
    guard var longer = chain else { return Refusal(.unknownKey) }
    do throws(Refusal) { try longer.append(verifying: message) } catch { return error }
    var longerFile = InlineArray<4096, UInt8>(repeating: 0)
    let longerCount = GatewayKeyList.encode(
      file.span.extracting(0..<count), adding: message, into: longerFile.mutableSpan)
    do throws(FileFailure) {
      try atomicReplace(path, with: longerFile.span.extracting(0..<longerCount), mode: 0o644)
    } catch {
      Self.tell(.error, "gateway-keys.cbor can't be written beside the key: the change waits", nil)
      return Refusal(.storageFull)
    }
    chain = longer
    Self.tell(.output, "the gateway's key has changed, kid", longer.newest)
    return nil
  }

  /// Reads the file and sets the chain. Returns how many bytes hold it: those of the file, or of a list of the
  /// configured key alone.
  private mutating func read(into file: inout InlineArray<4096, UInt8>) -> Int {
    guard let configured, let key = FixedBytes<32>(configured.bytes.span) else { return 0 }
    var count = 0
    var span = file.mutableSpan
    // No file: no key was changed yet, or it was lost.
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {}
    let found = GatewayKeyChain(file: file.span.extracting(0..<count), configured: configured)
    chain = found
    if found.count > 1 { return count }
    if count > 0 {
      Self.tell(.error, "gateway-keys.cbor is not used: damaged, or another gateway's", nil)
    }
    var encoder = CBOREncoder(file.mutableSpan)
    GatewayKeyList.encodeHead(firstKey: key, changeCount: 0, into: &encoder)
    return encoder.byteCount
  }

  private static func tell(_ stream: StandardStream, _ what: StaticString, _ key: PublicKey?) {
    var text = TextBuilder<512>()
    text.append("cairn-agent: ")
    text.append(what)
    if let key {
      text.append(" ")
      text.append(hex: key.keyID.span)
    }
    text.append("\n")
    // Without a reader the agent goes on all the same.
    do throws(SystemError) { try stream.write(text) } catch {}
  }
}
