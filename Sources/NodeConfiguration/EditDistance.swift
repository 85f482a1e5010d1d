import FixedMemory

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to make
/// `right` of `left` (optimal string alignment). Words longer than 31 bytes are far from
/// everything: 255.
func editDistance(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
  guard left.count <= 31, right.count <= 31 else { return 255 }
  // Rows of the table of distances: two back, one back, and the one that is made.
  var twoBack = InlineArray<32, Int>(repeating: 0)
  var oneBack = InlineArray<32, Int>(repeating: 0)
  var row = InlineArray<32, Int>(repeating: 0)
  for column in 0...right.count { row[column] = column }
  for leftIndex in left.indices {
    twoBack = oneBack
    oneBack = row
    row[0] = leftIndex + 1
    for rightIndex in right.indices {
      let cost = left[leftIndex] == right[rightIndex] ? 0 : 1
      var least = oneBack[rightIndex] + cost
      least = min(least, oneBack[rightIndex + 1] + 1)
      least = min(least, row[rightIndex] + 1)
      if leftIndex > 0, rightIndex > 0, left[leftIndex] == right[rightIndex - 1],
        left[leftIndex - 1] == right[rightIndex]
      {
        least = min(least, twoBack[rightIndex - 1] + 1)
      }
      row[rightIndex + 1] = least
    }
  }
  return row[right.count]
}

/// The nearest of several words to a written one. The first of equals wins.
public struct NearestWord {
  /// Nil when nothing offered is near.
  public private(set) var word: StaticString?
  private var distance = 256

  public init() {}

  /// Offers a candidate for `written`.
  public mutating func consider(_ candidate: StaticString, for written: Span<UInt8>) {
    let bytes = candidate.bytes
    let found = editDistance(written, bytes)
    // Half of the letters wrong is no typing error any more.
    guard found < distance, found <= max(1, max(written.count, bytes.count) / 2) else { return }
    distance = found
    word = candidate
  }
}
