import FixedMemory
import Testing

private func content(_ array: FixedArray<4, Int>) -> [Int] { array.indices.map { array[$0] } }

/// Every sequence of six operations out of four, against an Array.
@Test func aFixedArrayIsAnArrayWithALimit() {
  for program in 0..<(4 * 4 * 4 * 4 * 4 * 4) {
    var array = FixedArray<4, Int>(filler: -1)
    var oracle: [Int] = []
    var rest = program
    for step in 0..<6 {
      switch rest % 4 {
      case 0:
        let hasRoom = oracle.count < 4
        if hasRoom { oracle.append(step) }
        if array.offer(step) != hasRoom { Issue.record("offer in program \(program)") }
      case 1:
        if !oracle.isEmpty {
          let (removed, expected) = (array.removeLast(), oracle.removeLast())
          if removed != expected { Issue.record("removeLast in program \(program)") }
        }
      case 2:
        if !oracle.isEmpty {
          oracle[oracle.count - 1] = 100 + step
          array[array.count - 1] = 100 + step
        }
      default:
        oracle.removeAll()
        array.removeAll()
      }
      rest /= 4
      if content(array) != oracle || array.count != oracle.count
        || array.isEmpty != oracle.isEmpty || array.isFull != (oracle.count == 4)
      {
        Issue.record("program \(program) at step \(step): \(content(array)) is not \(oracle)")
      }
    }
  }
}

@Test func fixedArraysAreEqualByWhatTheyHoldAndNotByWhatTheyHeld() {
  var one = FixedArray<4, Int>(filler: 0)
  var other = FixedArray<4, Int>(filler: 9)
  #expect(one == other)
  one.append(1)
  #expect(one != other)
  other.append(1)
  other.append(2)
  #expect(one != other)
  _ = other.removeLast()
  #expect(one == other)
  one.append(3)
  other.append(4)
  #expect(one != other)
}

@Test func anElementTooManyEndsTheProgram() async {
  await #expect(processExitsWith: .failure) {
    var array = FixedArray<2, Int>(filler: 0)
    for element in 0..<3 { array.append(element) }
  }
}

@Test func anIndexBehindTheLastElementEndsTheProgram() async {
  await #expect(processExitsWith: .failure) {
    var array = FixedArray<2, Int>(filler: 0)
    array.append(1)
    _ = array[1]
  }
}

@Test func takingFromAnEmptyArrayEndsTheProgram() async {
  await #expect(processExitsWith: .failure) {
    var array = FixedArray<2, Int>(filler: 0)
    _ = array.removeLast()
  }
}
