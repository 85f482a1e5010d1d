import CBOR
import FixedMemory

/// A number that nobody could know before: a device that has it in its log shows that what follows is not
/// older than `issued` (docs/identity.md).
///
///     protected = { 1: alg, 4: kid, 16: "cairn-chal",
///                   -65537: [1, number, issued UTC ms, valid seconds, region, policy, beacon] }
///     payload   = nonce: 32 random bytes, or SHA-256 of the encoded beacon
public struct Challenge: Equatable, Sendable {
  /// Header 32, two numbers of at most 9 bytes, seconds 5, region 26, policy 63, beacon 102.
  public static var maximumProtectedByteCount: Int { 246 }
  /// "Signature1" 12, protected 2 + 246, external data 1, payload 34.
  public static var maximumSigStructureByteCount: Int { 295 }
  /// Tag 1, array 1, protected 2 + 246, map 1, payload 34, signature 66.
  public static var maximumMessageByteCount: Int { 351 }

  /// A round of a public randomness beacon, which ties the challenge to a time that no gateway chose.
  public struct Beacon: Equatable, Sendable {
    /// Array 1, source 26, round 9, value 66.
    public static var maximumByteCount: Int { 102 }

    /// Which beacon: at most 24 bytes of UTF-8.
    public var source: FixedText<24>
    public var round: UInt64
    /// 1 to 64 bytes, as the beacon publishes them.
    public private(set) var value: FixedArray<64, UInt8>

    /// Nil when the value has no byte, or more than 64.
    public init?(source: FixedText<24>, round: UInt64, value: Span<UInt8>) {
      guard (1...64).contains(value.count) else { return nil }
      self.source = source
      self.round = round
      self.value = FixedArray(filler: 0)
      for index in value.indices { self.value.append(value[index]) }
    }

    func encode(into encoder: inout CBOREncoder) {
      encoder.arrayHead(count: 3)
      encoder.text(source.span)
      encoder.unsigned(round)
      encoder.byteStringHead(byteCount: value.count)
      for index in value.indices {
        let byte: InlineArray<1, UInt8> = [value[index]]
        encoder.raw(byte.span)
      }
    }

    init(from decoder: inout CBORDecoder) throws(CBORDecoder.Failure) {
      try decoder.expectArray(count: 3)
      let source: FixedText<24> = try decoder.fixedText()
      let round = try decoder.unsigned()
      guard let beacon = Beacon(source: source, round: round, value: try decoder.byteString())
      else { throw .outOfRange }
      self = beacon
    }

    /// SHA-256 of [source, round, value]: the nonce of the challenge that rests on this round.
    public var nonce: Digest {
      var bytes = InlineArray<102, UInt8>(repeating: 0)
      var encoder = CBOREncoder(bytes.mutableSpan)
      encode(into: &encoder)
      let count = encoder.byteCount
      return SHA256.hash(bytes.span.extracting(0..<count))
    }
  }

  public var algorithm: SignatureAlgorithm
  /// Of the gateway's key.
  public var keyID: KeyID
  /// Counts this gateway's challenges.
  public var number: UInt64
  /// When it was made, by the gateway's clock: milliseconds of UTC.
  public var issuedUTCMilliseconds: Int64
  /// How long from then it is in force, in seconds.
  public var validSeconds: UInt32
  /// For whom: at most 24 bytes of UTF-8, empty for everybody.
  public var region: FixedText<24>
  /// Number of the rules that go with it: 0 none, 1 those of `coverage`. A reader keeps others as they are.
  public private(set) var policy: UInt64
  /// The rules for beacons; nil: nobody is asked for one.
  public private(set) var coverage: CoveragePolicy?
  public private(set) var beacon: Beacon?
  public private(set) var nonce: Digest

  /// A challenge of 32 random bytes.
  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, number: UInt64, issuedUTCMilliseconds: Int64,
    validSeconds: UInt32, region: FixedText<24>, policy: UInt64 = 0,
    coverage: CoveragePolicy? = nil, nonce: Digest
  ) {
    self.algorithm = algorithm
    self.keyID = keyID
    self.number = number
    self.issuedUTCMilliseconds = issuedUTCMilliseconds
    self.validSeconds = validSeconds
    self.region = region
    self.policy = coverage == nil ? policy : CoveragePolicy.version
    self.coverage = coverage
    self.nonce = nonce
  }

  /// A challenge that rests on a public randomness beacon.
  public init(
    algorithm: SignatureAlgorithm, keyID: KeyID, number: UInt64, issuedUTCMilliseconds: Int64,
    validSeconds: UInt32, region: FixedText<24>, policy: UInt64 = 0,
    coverage: CoveragePolicy? = nil, beacon: Beacon
  ) {
    self.init(
      algorithm: algorithm, keyID: keyID, number: number,
      issuedUTCMilliseconds: issuedUTCMilliseconds, validSeconds: validSeconds, region: region,
      policy: policy, coverage: coverage, nonce: beacon.nonce)
    self.beacon = beacon
  }

  /// True from `issued` to before it is `validSeconds` old.
  public func isInForce(atUTCMilliseconds now: Int64) -> Bool {
    let (age, overflow) = now.subtractingReportingOverflow(issuedUTCMilliseconds)
    return !overflow && age >= 0 && age < Int64(validSeconds) * 1000
  }

  /// Signs and writes the whole message; returns its byte count and the document's name.
  public func sign(
    with signer: inout some Signer & ~Copyable, into bytes: consuming MutableSpan<UInt8>
  ) throws(SigningFailure) -> (byteCount: Int, hash: Digest) {
    var protected = InlineArray<246, UInt8>(repeating: 0)
    var encoder = CBOREncoder(protected.mutableSpan)
    DocumentHeader(algorithm: algorithm, keyID: keyID).encode(as: .challenge, into: &encoder)
    encoder.unsigned(number)
    encoder.integer(issuedUTCMilliseconds)
    encoder.unsigned(UInt64(validSeconds))
    encoder.text(region.span)
    if let coverage { coverage.encode(into: &encoder) } else { encoder.unsigned(policy) }
    if let beacon { beacon.encode(into: &encoder) } else { encoder.null() }
    let count = encoder.byteCount
    return try COSESign1.sign(
      protected: protected.span.extracting(0..<count), payload: nonce.span, with: &signer,
      into: bytes)
  }

  /// Reads a challenge strictly. The signature is the caller's to check.
  public init(decoding message: Span<UInt8>) throws(CBORDecoder.Failure) {
    let (protected, payload) = try COSESign1.document(message)
    guard let nonce = Digest(message.extracting(payload)) else { throw .outsideFormat }
    self.nonce = nonce
    var decoder = CBORDecoder(message.extracting(protected))
    let header = try DocumentHeader(of: .challenge, from: &decoder)
    algorithm = header.algorithm
    keyID = header.keyID
    number = try decoder.unsigned()
    issuedUTCMilliseconds = try decoder.utcMilliseconds()
    validSeconds = try decoder.unsigned(as: UInt32.self)
    region = try decoder.fixedText()
    if try decoder.peekMajorType() == .array {
      coverage = try CoveragePolicy(from: &decoder)
      policy = CoveragePolicy.version
    } else {
      policy = try decoder.unsigned()
    }
    beacon = try decoder.skipNull() ? nil : Beacon(from: &decoder)
    try decoder.finish()
    if let beacon { guard beacon.nonce == nonce else { throw .outsideFormat } }
  }
}
