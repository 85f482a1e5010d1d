import FixedMemory
import Foundation
import GatewayStore
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Identity
import Proofs
import Records
import Signers
import Synchronization
import Testing

@testable import GatewayServer

/// The worked example of docs/proof-format.md: RFC 8032's first key, two batches, simulated hardware.
enum WorkedExample {
  static let device = "21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9"
  static let publicKey = bytes(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
  /// Nothing is known but the key.
  static var enrolment: [UInt8] {
    get throws {
      let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
      let found: FixedBytes<32>? = FixedBytes(seed.span)
      var key = try FileKey(seed: try #require(found))
      let enrolment = Enrolment(
        version: 1, previous: nil, deviceKey: key.publicKey, storage: .file, anchor: nil,
        place: nil, radio: nil, validFromUTCMilliseconds: nil)
      var message = [UInt8](repeating: 0, count: Enrolment.maximumMessageByteCount)
      let count = try enrolment.sign(
        authorization: Span(), with: &key, into: message.mutableSpan
      ).byteCount
      return Array(message.prefix(count))
    }
  }
  static let batch0 = bytes(
    "8258b9d2845850a50127044821fe31dfa154a261106a636169726e2d636b707419018b013a000100008a010000",
    "0004010c1903e80158200000000000000000000000000000000000000000000000000000000000000000a05820",
    "45646655051f9d2de9e9af207037bf89506d2d9e762a09f59c5dbfefd178b5525840eed97d1d450e4abdc7dfac",
    "59a004f831bd1c3a4310d48dc3cc22e873738cc191a5ccc1d5080eefae66b9b98fe8712e8606c1c5efbb62358c",
    "0c07c9e15772740c8458598a00000c0165302e312e305820000000000000000000000000000000000000000000",
    "0000000000000000000000677669727475616c5820000000000000000000000000000000000000000000000000",
    "000000000000000001405845880201182883836b74656d70657261747572656343656c22836868756d69646974",
    "796325524822836870726573737572656250610066424d45323830656932632d3118766050860500183c021b00",
    "00013bf368580014518601011903e8190f3c19e7ea1a00018b8c")
  static let batch1 = bytes(
    "8258bdd2845854a50127044821fe31dfa154a261106a636169726e2d636b707419018b013a000100008a010001",
    "04070119ee481a0002c3080158201b965e3e103a714fc66f6446bc7c0f7a5c8571c55138061a18812c807ce895",
    "60a058204a466d2ceff9295d513823596dfda10cd116eed48661b870f4bfe618033ea16758407571c8c95d1a32",
    "084bf34b8f75cda0b5e1d19516447aa114996cee12aad8e36fe50851a9e6b2185b5339ff5df828a6681f8bba29",
    "c9a9235feee3a492ee822b03835186010119ee48190f4619e8081a00018b874a8503011a0001d8a80201518601",
    "011a0002c308190f3cf61a00018b83")

  private static func bytes(_ parts: String...) -> [UInt8] {
    [UInt8](hexadecimal: parts.joined()) ?? []
  }
}

/// A gateway behind its HTTP side, without a socket, at a time that stands still.
struct TestServer {
  static let now: Int64 = 1_795_000_000_000

  let gateway: Gateway
  let events: GatewayEvents
  private let recorded = Recorded()
  let application: Application<RouterResponder<GatewayRequestContext>>

  private final class Recorded: Sendable {
    let lines = Mutex<[String]>([])
  }

  init(challengeRules: ChallengeRules = ChallengeRules()) throws {
    var seed = FixedBytes<32>()
    seed[31] = 1
    let recorded = recorded
    gateway = try Gateway(
      store: .inMemory(), key: FileKey(seed: seed), challengeRules: challengeRules)
    events = GatewayEvents { line in recorded.lines.withLock { $0.append(line) } }
    let server = GatewayApplication(
      gateway, settings: .init(host: "127.0.0.1", port: 0), events: events, now: { Self.now })
    application = Application(router: server.router())
  }

  /// The lines so far.
  var lines: [String] {
    events.flush()
    return recorded.lines.withLock { $0 }
  }
}

extension TestClientProtocol {
  func post(
    _ path: String, _ body: [UInt8], type: String? = "application/cbor", accept: String? = nil
  ) async throws -> TestResponse {
    var headers = HTTPFields()
    headers[.contentType] = type
    headers[.accept] = accept
    return try await execute(
      uri: path, method: .post, headers: headers, body: ByteBuffer(bytes: body))
  }

  func get(_ path: String, accept: String? = nil) async throws -> TestResponse {
    var headers = HTTPFields()
    headers[.accept] = accept
    return try await execute(uri: path, method: .get, headers: headers)
  }

  func enrolExample(accept: String? = nil) async throws -> TestResponse {
    try await post(
      "/v1/devices", try WorkedExample.enrolment, type: "application/cose", accept: accept)
  }

  /// Enrols the worked example's device and delivers both its batches.
  func deliverExample() async throws {
    _ = try await enrolExample()
    _ = try await post("/v1/batches", WorkedExample.batch0)
    _ = try await post("/v1/batches", WorkedExample.batch1)
  }
}

extension TestResponse {
  var bytes: [UInt8] { Array(buffer: body) }
  var text: String { String(decoding: bytes, as: UTF8.self) }

  func json() throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(bytes))
    return value as? [String: Any] ?? [:]
  }
}
