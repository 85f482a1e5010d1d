/// Reading what the next `beginSegment` would overwrite, so that its owner can keep what it needs of it.
extension SpoolWriter where Storage: ~Copyable {
  /// The oldest segment of the ring, where a read of it begins.
  public struct OldestSegment {
    fileprivate var position: SpoolPosition
    /// The header, to tell the segment from a later one at the same place.
    public let segment: SpoolSegment
  }

  /// The segment that `beginSegment` would overwrite; nil when nothing stands there.
  public mutating func oldestSegment() throws(Failure) -> OldestSegment? {
    guard let current = currentSegment,
      let oldest = try file.segment(inSlot: file.geometry.slot(ofSegment: current.number + 1)),
      oldest.number < current.number
    else { return nil }
    return OldestSegment(position: SpoolPosition(startOf: oldest), segment: oldest)
  }

  /// The first segment that the ring still has, which need not be full; nil when there is none.
  public mutating func firstSegment() throws(Failure) -> OldestSegment? {
    guard let current = currentSegment,
      let first = try file.firstSegment(from: 1, through: current.number)
    else { return nil }
    return OldestSegment(position: SpoolPosition(startOf: first), segment: first)
  }

  /// Copies the oldest segment's context and answers its length.
  public mutating func copyContext(of oldest: OldestSegment, into buffer: inout MutableSpan<UInt8>)
    throws(Failure) -> Int
  {
    guard let count = try file.copyContext(of: oldest.segment, into: &buffer) else {
      throw .overtaken
    }
    return count
  }

  /// The next entry of the oldest segment, its payload at the start of `buffer`; nil behind the last one
  /// that can be believed.
  public mutating func next(
    of oldest: inout OldestSegment, into buffer: inout MutableSpan<UInt8>
  ) throws(Failure) -> SpoolEntry? {
    guard
      let entry = try file.entry(
        at: oldest.position, limit: file.geometry.segmentByteCount, into: &buffer)
    else { return nil }
    oldest.position.advance(past: entry)
    return entry
  }

  /// The same across segments, to the last entry of the ring; nil also where a segment between can't be read.
  public mutating func nextInRing(
    of place: inout OldestSegment, into buffer: inout MutableSpan<UInt8>
  ) throws(Failure) -> SpoolEntry? {
    guard let current = currentSegment, place.position.sequence <= lastSequence else { return nil }
    if let entry = try next(of: &place, into: &buffer) { return entry }
    guard
      let follower = try file.firstSegment(
        from: place.segment.number + 1, through: current.number),
      follower.firstSequence == place.position.sequence
    else { return nil }
    place = OldestSegment(position: SpoolPosition(startOf: follower), segment: follower)
    return try next(of: &place, into: &buffer)
  }
}

extension SpoolWriter where Storage: ~Copyable {
  /// Bytes of the ring that can't be reused without losing entries that are not delivered: whole segments,
  /// and the current one up to its end. Reads the segments' headers.
  public mutating func undeliveredByteCount() throws(Failure) -> UInt64 {
    guard let current = currentSegment, lastSequence > deliveredThrough else { return 0 }
    var total = UInt64(endOffset)
    var followerFirst = current.firstSequence
    var number = current.number
    for _ in 1..<file.geometry.segmentCount where number > 1 {
      number -= 1
      // A follower that begins behind the last delivered entry leaves nothing before it undelivered.
      guard followerFirst > deliveredThrough + 1, let segment = try file.segment(number) else {
        break
      }
      total += UInt64(file.geometry.segmentByteCount)
      followerFirst = segment.firstSequence
    }
    return total
  }
}
