/// At most `capacity` elements, in place. Never grows.
public struct FixedArray<let capacity: Int, Element> {
  private var storage: InlineArray<capacity, Element>
  public private(set) var count = 0

  /// Empty; `filler` only fills the unused places.
  public init(filler: Element) { storage = InlineArray(repeating: filler) }

  public var isEmpty: Bool { count == 0 }
  public var isFull: Bool { count == capacity }
  public var indices: Range<Int> { 0..<count }

  /// Appends; full is a bug of the caller.
  public mutating func append(_ element: Element) {
    precondition(count < capacity, "append to a full FixedArray")
    storage[count] = element
    count += 1
  }

  /// Appends when there is room, and says whether there was.
  public mutating func offer(_ element: Element) -> Bool {
    guard count < capacity else { return false }
    append(element)
    return true
  }

  public mutating func removeLast() -> Element {
    precondition(count > 0, "removeLast of an empty FixedArray")
    count -= 1
    return storage[count]
  }

  public mutating func removeAll() { count = 0 }

  public subscript(index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count, "index outside a FixedArray")
      return storage[index]
    }
    set {
      precondition(index >= 0 && index < count, "index outside a FixedArray")
      storage[index] = newValue
    }
  }
}

extension FixedArray: Sendable where Element: Sendable {}

extension FixedArray: Equatable where Element: Equatable {
  public static func == (left: FixedArray, right: FixedArray) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }
}
