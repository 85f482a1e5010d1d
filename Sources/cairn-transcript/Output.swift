import CLinux
import FixedMemory
import LinuxPlatform
import Proofs

/// A result that is wrong whatever the architecture: says so and ends.
func fail(_ what: StaticString) -> Never {
  do throws(SystemError) {
    try StandardStream.error.write("cairn-transcript: ")
    try StandardStream.error.write(what)
    try StandardStream.error.write("\n")
  } catch {}
  exit(70)
}

/// The longest name: that of a document and what it is of.
typealias Name = TextBuilder<96>

/// A name with a number in it.
func named(_ words: StaticString, _ number: UInt64, _ rest: StaticString = "") -> Name {
  var name = Name()
  name.append(words)
  name.append(number)
  name.append(rest)
  return name
}

/// A literal's bytes.
@_lifetime(immortal)
func text(_ literal: StaticString) -> Span<UInt8> { literal.bytes }

/// One line: the name, a space, the bytes in hexadecimal. Long values are a batch or an enrolment.
func tell(_ name: Span<UInt8>, _ bytes: Span<UInt8>) {
  var line = TextBuilder<4096>()
  line.append(name)
  line.append(" ")
  line.append(hex: bytes)
  line.append("\n")
  guard !line.overflowed else { fail("a line longer than its limit") }
  do throws(SystemError) { try StandardStream.output.write(line) } catch { exit(74) }
}

func tell(_ name: StaticString, _ bytes: Span<UInt8>) { tell(name.bytes, bytes) }

/// Up to 1024 bytes: a document, a batch of the example, a leaf.
struct Message {
  private var storage = InlineArray<1024, UInt8>(repeating: 0)
  private(set) var count = 0

  init() {}

  init(_ bytes: Span<UInt8>) { append(bytes) }

  /// What `write` puts into it; it answers how many bytes.
  init(_ write: (consuming MutableSpan<UInt8>) -> Int) {
    count = write(storage.mutableSpan)
    if count > 1024 { fail("a message longer than its limit") }
  }

  var span: Span<UInt8> {
    @_lifetime(borrow self)
    borrowing get { storage.span.extracting(0..<count) }
  }

  mutating func append(_ bytes: Span<UInt8>) {
    guard bytes.count <= 1024 - count else { fail("a message longer than its limit") }
    for index in bytes.indices { storage[count + index] = bytes[index] }
    count += bytes.count
  }

  mutating func append(_ byte: UInt8) {
    guard count < 1024 else { fail("a message longer than its limit") }
    storage[count] = byte
    count += 1
  }

  mutating func flip(bit: Int) { storage[bit / 8] ^= 1 << UInt8(bit % 8) }
}

/// SHA-256 over many results, each of a length that is known or told.
struct Tally {
  private var hash = SHA256()

  mutating func add(_ value: UInt64) {
    var bytes = InlineArray<8, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.storeLittleEndian(value, at: 0)
    hash.update(span.span)
  }

  mutating func add(_ value: Int64) { add(UInt64(bitPattern: value)) }

  mutating func add(count: Int) { add(Int64(count)) }

  mutating func add(optional value: Int64?) {
    add(count: value == nil ? 0 : 1)
    if let value { add(value) }
  }

  mutating func add(_ flag: Bool) { add(count: flag ? 1 : 0) }

  mutating func add(_ bytes: Span<UInt8>) {
    add(count: bytes.count)
    hash.update(bytes)
  }

  /// Ends the tally with its line.
  mutating func tell(_ name: Span<UInt8>) {
    let digest = hash.finish()
    cairn_transcript.tell(name, digest.span)
  }

  mutating func tell(_ name: StaticString) { tell(name.bytes) }
}

/// Numbers that a seed determines: SplitMix64 (Steele, Lea, Flood, 2014).
struct Draw {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
