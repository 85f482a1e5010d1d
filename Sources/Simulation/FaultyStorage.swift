import Spool

/// A medium behind a page cache: what was written is seen at once, and is durable only after
/// `synchronize`.
///
///     write ──▶ cached ──synchronize──▶ durable
///                 └ pending: what a power cut keeps, loses or tears, in any order
///
/// Shared by any number of `FaultyStorage` handles, as a file is by processes.
public final class FaultyMedium {
  public struct PendingWrite: Equatable {
    public let offset: Int
    public let bytes: [UInt8]
    /// A synchronize failed on it: later ones succeed without making it durable.
    var isAbandoned = false
  }

  /// What a power cut leaves of one write that was not durable.
  public enum Outcome: Equatable {
    case lost
    case kept
    /// Only its first bytes.
    case keptFirst(Int)
    /// All but its first bytes.
    case lostFirst(Int)
    /// Of the 512-byte sectors that it touches, those whose bit is set; the last bit goes on for
    /// ever.
    case keptSectors(UInt64)
  }

  /// Survives a power cut for certain.
  public private(set) var durable: [UInt8]
  /// What readers see while the power is on.
  public private(set) var cached: [UInt8]
  public private(set) var pending: [PendingWrite] = []

  public private(set) var readCount = 0
  public private(set) var writeCount = 0
  public private(set) var synchronizeCount = 0

  /// The call of this number, counting from 1, fails. A failing write leaves its first half.
  public var failingRead: Int?
  public var failingWrite: Int?
  public var failingSynchronize: Int?
  /// After this many writes the power is off: every later call fails and changes nothing.
  public var powerCutAfterWrite: Int?
  /// The control: synchronize says that it succeeded and does nothing. A test of durability that
  /// passes with it proves nothing.
  public var ignoresSynchronize = false

  /// Called before each write: a place for another process's reads.
  public var beforeWrite: (() -> Void)?

  /// All zero.
  public init(byteCount: Int) {
    durable = [UInt8](repeating: 0, count: byteCount)
    cached = durable
  }

  /// As it is found after a power cut.
  public init(image: [UInt8]) {
    durable = image
    cached = image
  }

  public var isPowerOff: Bool {
    guard let last = powerCutAfterWrite else { return false }
    return writeCount >= last
  }

  public static var failure: StorageError { .system(errno: 5) }

  // MARK: the three calls

  func read(into bytes: inout MutableSpan<UInt8>, at offset: UInt64) throws(StorageError) {
    guard !isPowerOff else { throw Self.failure }
    readCount += 1
    guard readCount != failingRead else { throw Self.failure }
    let start = try start(of: bytes.count, at: offset)
    cached.withUnsafeBytes { source in
      bytes.withUnsafeMutableBytes { target in
        target.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[start..<start + target.count]))
      }
    }
  }

  func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(StorageError) {
    beforeWrite?()
    guard !isPowerOff else { throw Self.failure }
    let start = try start(of: bytes.count, at: offset)
    writeCount += 1
    let written = bytes.withUnsafeBufferPointer { Array($0) }
    let isFailing = writeCount == failingWrite
    let count = isFailing ? written.count / 2 : written.count
    pending.append(PendingWrite(offset: start, bytes: Array(written[..<count])))
    Self.apply(written[..<count], at: start, to: &cached)
    if isFailing { throw Self.failure }
  }

  func synchronize() throws(StorageError) {
    guard !isPowerOff else { throw Self.failure }
    synchronizeCount += 1
    guard synchronizeCount != failingSynchronize else {
      for index in pending.indices { pending[index].isAbandoned = true }
      throw Self.failure
    }
    guard !ignoresSynchronize else { return }
    for write in pending where !write.isAbandoned {
      Self.apply(write.bytes[...], at: write.offset, to: &durable)
    }
    pending.removeAll { !$0.isAbandoned }
  }

  private func start(of count: Int, at offset: UInt64) throws(StorageError) -> Int {
    guard let start = Int(exactly: offset), start <= cached.count, count <= cached.count - start
    else { throw .outOfBounds }
    return start
  }

  private static func apply(_ bytes: ArraySlice<UInt8>, at offset: Int, to image: inout [UInt8]) {
    image.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  // MARK: after a power cut

  /// The medium with one outcome for each pending write, in `order` (as written when nil).
  public func image(_ outcomes: [Outcome], order: [Int]? = nil) -> [UInt8] {
    precondition(outcomes.count == pending.count, "one outcome for each pending write")
    var image = durable
    for index in order ?? Array(pending.indices) {
      Self.leave(outcomes[index], of: pending[index], in: &image)
    }
    return image
  }

  /// Any outcome for each pending write, in any order.
  public func image(using random: inout SplitMix64) -> [UInt8] {
    let outcomes = pending.map { write -> Outcome in
      switch random.next() % 6 {
      case 0, 1: .lost
      case 2, 3: .kept
      case 4 where random.next() % 2 == 0:
        .keptFirst(Int.random(in: 0...write.bytes.count, using: &random))
      case 4: .lostFirst(Int.random(in: 0...write.bytes.count, using: &random))
      default: .keptSectors(random.next())
      }
    }
    return image(outcomes, order: pending.indices.shuffled(using: &random))
  }

  private static func leave(_ outcome: Outcome, of write: PendingWrite, in image: inout [UInt8]) {
    let count = write.bytes.count
    switch outcome {
    case .lost: return
    case .kept: apply(write.bytes[...], at: write.offset, to: &image)
    case .keptFirst(let kept): apply(write.bytes[..<min(kept, count)], at: write.offset, to: &image)
    case .lostFirst(let lost):
      let first = min(lost, count)
      apply(write.bytes[first...], at: write.offset + first, to: &image)
    case .keptSectors(let bits):
      var first = 0
      var sector: UInt64 = 0
      while first < count {
        let end = min(count, first + 512 - (write.offset + first) % 512)
        if bits >> min(sector, 63) & 1 == 1 {
          apply(write.bytes[first..<end], at: write.offset + first, to: &image)
        }
        first = end
        sector += 1
      }
    }
  }
}

/// One process's handle on a medium.
public struct FaultyStorage: BlockStorage, ~Copyable {
  public let medium: FaultyMedium
  public let isReadOnly: Bool

  public init(_ medium: FaultyMedium, isReadOnly: Bool = false) {
    self.medium = medium
    self.isReadOnly = isReadOnly
  }

  public var byteCount: UInt64 { UInt64(medium.cached.count) }

  public mutating func read(into bytes: inout MutableSpan<UInt8>, at offset: UInt64)
    throws(StorageError)
  { try medium.read(into: &bytes, at: offset) }

  public mutating func write(_ bytes: Span<UInt8>, at offset: UInt64) throws(StorageError) {
    guard !isReadOnly else { throw .readOnly }
    try medium.write(bytes, at: offset)
  }

  public mutating func synchronize() throws(StorageError) {
    guard !isReadOnly else { throw .readOnly }
    try medium.synchronize()
  }
}
