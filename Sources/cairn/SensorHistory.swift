import CBOR
import DeviceLog
import FixedMemory
import NodeFiles
import Records

/// The last values of each quantity, for a line that shows how it went.
///
/// Invariant: a column's values are those of the boot of its newest leaf, the oldest first.
struct SensorHistory {
  static var depth: Int { 16 }
  /// Sensors of one boot with three quantities each, and room for some with more.
  static var columnCapacity: Int { 64 }
  /// Entries that are looked through.
  private static var entryCount: UInt64 { 256 }

  struct Column {
    var schema: UInt16 = 0
    var index: UInt8 = 0
    var values = InlineArray<16, Int64?>(repeating: nil)
    var count = 0

    mutating func push(_ value: Int64?) {
      if count < SensorHistory.depth {
        values[count] = value
        count += 1
        return
      }
      for place in 1..<count { values[place - 1] = values[place] }
      values[count - 1] = value
    }
  }

  private var columns = FixedArray<64, Column>(filler: Column())

  init() {}

  /// What can't be read leaves shorter lines; the page tells of it elsewhere.
  init(reading paths: NodePaths) {
    do throws(SpoolProblem) {
      var walk = try LogWalk(paths)
      let end = walk.reader.releasedThrough
      try walk.seek(toSequence: end - min(Self.entryCount, end))
      while try walk.next() != nil { take(walk.reader.items) }
      take(walk.reader.items)
    } catch {}
  }

  mutating func take(_ items: Span<UInt8>) {
    var decoder = CBORDecoder(items)
    while !decoder.isAtEnd {
      do throws(CBORDecoder.Failure) {
        let leaf = try Leaf(decoding: try decoder.byteString())
        switch leaf.kind {
        case .boot: columns.removeAll()
        case .reading:
          let values = try leaf.reading()
          for index in values.indices { push(leaf.schema, index, values[index]) }
        // A gap in the line, as wide as a reading.
        case .fault: pushNone(leaf.schema)
        default: break
        }
      } catch { return }
    }
  }

  private mutating func push(_ schema: UInt16, _ index: Int, _ value: Int64?) {
    for place in columns.indices
    where columns[place].schema == schema && Int(columns[place].index) == index {
      columns[place].push(value)
      return
    }
    var column = Column(schema: schema, index: UInt8(truncatingIfNeeded: index))
    column.push(value)
    _ = columns.offer(column)  // Beyond the capacity there is no line.
  }

  private mutating func pushNone(_ schema: UInt16) {
    for place in columns.indices where columns[place].schema == schema { columns[place].push(nil) }
  }

  func column(_ schema: UInt16, _ index: Int) -> Column? {
    for place in columns.indices
    where columns[place].schema == schema && Int(columns[place].index) == index {
      return columns[place]
    }
    return nil
  }
}

extension SensorHistory.Column {
  /// The smallest and the largest value; nil when there is none.
  var range: (least: Int64, most: Int64)? {
    var found: (least: Int64, most: Int64)?
    for place in 0..<count {
      guard let value = values[place] else { continue }
      found = (min(found?.least ?? value, value), max(found?.most ?? value, value))
    }
    return found
  }

  /// 0 to 7, from the smallest value to the largest; 3 when all are the same.
  static func level(of value: Int64, least: Int64, most: Int64) -> Int {
    let whole = UInt64(bitPattern: most &- least)
    guard whole > 0 else { return 3 }
    let part = UInt64(bitPattern: value &- least)
    // Seven times the difference has to fit.
    let (reduced, of) = whole < 1 << 60 ? (part, whole) : (part >> 4, whole >> 4)
    return min(7, Int(truncatingIfNeeded: reduced * 7 / of))
  }
}
