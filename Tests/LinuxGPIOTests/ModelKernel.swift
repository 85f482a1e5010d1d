import FixedMemory
import LinuxGPIO
import Simulation

/// A kernel with these chips: descriptors are numbers of its own, and must all be closed at the end.
final class KernelState {
  var chips: [UInt16: VirtualGPIOChip] = [:]
  var openChips: [Int32: VirtualGPIOChip] = [:]
  var openLines: [Int32: (chip: VirtualGPIOChip, owner: Int)] = [:]
  var nextDescriptor: Int32 = 100
  /// In place of what open would say.
  var openError: Int32 = 0
  /// What read says next, whatever there is.
  var nextRead: [UInt8]?

  init(_ chips: VirtualGPIOChip...) {
    for (index, chip) in chips.enumerated() { self.chips[UInt16(index * 3)] = chip }
  }

  var openCount: Int { openChips.count + openLines.count }
}

struct ModelKernel: GPIOKernel {
  let state: KernelState

  mutating func open(chip number: UInt16) -> Int32 {
    if state.openError != 0 { return -state.openError }
    guard let chip = state.chips[number] else { return -VirtualGPIOChip.Errno.noEntry }
    state.nextDescriptor += 1
    state.openChips[state.nextDescriptor] = chip
    return state.nextDescriptor
  }

  mutating func control(
    _ descriptor: Int32, _ request: GPIORequest, _ bytes: inout MutableSpan<UInt8>
  ) -> Int32 {
    var array = bytes.span.indices.map { bytes[$0] }
    let result: Int32
    if let line = state.openLines[descriptor] {
      result = line.chip.control(owner: line.owner, request, &array)
    } else if let chip = state.openChips[descriptor] {
      result = chip.control(request, &array)
      if result >= 0, request == .getLine {
        let place = GPIOWire.Request.descriptor
        state.nextDescriptor += 1
        let owner = array.span.loadLittleEndian(Int32.self, at: place)
        state.openLines[state.nextDescriptor] = (chip, Int(owner))
        var span = array.mutableSpan
        span.storeLittleEndian(state.nextDescriptor, at: place)
      }
    } else {
      return -9
    }
    bytes.copy(array.span)
    return result
  }

  mutating func read(_ descriptor: Int32, into bytes: inout MutableSpan<UInt8>) -> Int64 {
    if let planted = state.nextRead {
      state.nextRead = nil
      bytes.copy(planted.span)
      return Int64(planted.count)
    }
    guard let line = state.openLines[descriptor] else { return -9 }
    let (result, array) = line.chip.read(owner: line.owner, limit: bytes.count)
    bytes.copy(array.span)
    return result
  }

  mutating func close(_ descriptor: Int32) {
    if let line = state.openLines.removeValue(forKey: descriptor) {
      line.chip.release(owner: line.owner)
    } else {
      state.openChips[descriptor] = nil
    }
  }
}

func place(_ offset: UInt32, _ labels: String..., isActiveLow: Bool = false) -> GPIOPlace {
  var place = GPIOPlace(offset: offset, isActiveLow: isActiveLow)
  for label in labels {
    if let text = FixedText<31>(Array(label.utf8).span) { place.labels.append(text) }
  }
  return place
}

/// Text of bytes that a test's macros can compare.
func consumer(_ failure: GPIOFailure?) -> String? {
  failure.map { failure in
    let span = failure.consumer.span
    return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
  }
}

func words(_ failure: GPIOFailure) -> String {
  var text = TextBuilder<384>()
  text.append(failure)
  let span = text.span
  return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
}
