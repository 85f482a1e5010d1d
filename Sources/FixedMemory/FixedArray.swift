/// At most `capacity` elements, in place. Never grows.
///
/// Inlinable, so that the optimiser specialises it in the modules that use it: as a generic type of
/// another module it would be one that looks up its metadata at every call.
public struct FixedArray<let capacity: Int, Element> {
  @usableFromInline var storage: InlineArray<capacity, Element>
  @usableFromInline var used = 0
  @inlinable public var count: Int { used }

  /// Empty; `filler` only fills the unused places.
  @inlinable
  public init(filler: Element) { storage = InlineArray(repeating: filler) }

  @inlinable public var isEmpty: Bool { count == 0 }
  @inlinable public var isFull: Bool { count == capacity }
  @inlinable public var indices: Range<Int> { 0..<count }

  /// Appends; full is a bug of the caller.
  @inlinable
  public mutating func append(_ element: Element) {
    precondition(used < capacity, "append to a full FixedArray")
    storage[used] = element
    used += 1
  }

  /// Appends when there is room, and says whether there was.
  @inlinable
  public mutating func offer(_ element: Element) -> Bool {
    guard count < capacity else { return false }
    append(element)
    return true
  }

  @inlinable
  public mutating func removeLast() -> Element {
    precondition(count > 0, "removeLast of an empty FixedArray")
    used -= 1
    return storage[used]
  }

  @inlinable
  public mutating func removeAll() { used = 0 }

  public subscript(index: Int) -> Element {
    @inlinable get {
      precondition(index >= 0 && index < count, "index outside a FixedArray")
      return storage[index]
    }
    @inlinable set {
      precondition(index >= 0 && index < count, "index outside a FixedArray")
      storage[index] = newValue
    }
  }
}

extension FixedArray: Sendable where Element: Sendable {}

extension FixedArray: Equatable where Element: Equatable {
  @inlinable
  public static func == (left: FixedArray, right: FixedArray) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }
}
