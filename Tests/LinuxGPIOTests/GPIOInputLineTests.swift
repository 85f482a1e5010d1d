import Buses
import FixedMemory
import LinuxGPIO
import Sensors
import Simulation
import Testing

private func open(
  _ kernel: ModelKernel, _ place: GPIOPlace, edges: GPIOEdges = .rising, debounce: UInt32 = 0
) throws(GPIOFailure) -> GPIOInputLine<ModelKernel> {
  try GPIOInputLine(kernel, at: place, edges: edges, debounceMicroseconds: debounce)
}

private func failure(_ kernel: ModelKernel, _ place: GPIOPlace) -> GPIOFailure? {
  do throws(GPIOFailure) {
    let line = try open(kernel, place)
    line.close()
    return nil
  } catch { return error }
}

@Suite struct GPIOInputLineTests {
  let chip = VirtualGPIOChip(label: "pinctrl-bcm2711", lineCount: 58)
  let other = VirtualGPIOChip(label: "raspberrypi-exp-gpio", lineCount: 8)

  @Test func theChipIsFoundByAnyOfItsLabelsAndEverythingIsClosedAgain() throws {
    let kernel = ModelKernel(state: KernelState(other, chip))
    for labels in [["pinctrl-bcm2711"], ["pinctrl-bcm2835", "pinctrl-bcm2711"]] {
      var wanted = GPIOPlace(offset: 57)
      for label in labels {
        if let text = FixedText<31>(Array(label.utf8).span) { wanted.labels.append(text) }
      }
      do {
        let line = try open(kernel, wanted)
        #expect(kernel.state.openCount == 1, "the chip is closed, the line is open")
        let (isDebounced, isOn) = (line.isDebounced, line.isOnAtStart)
        #expect(isDebounced && !isOn)
        line.close()
      }
      #expect(kernel.state.openCount == 0)
    }
  }

  @Test func whatIsNotThereIsSaidToBeMissing() {
    let kernel = ModelKernel(state: KernelState(other, chip))
    #expect(failure(kernel, place(1, "pinctrl-rp1"))?.reason == .noChip)
    #expect(failure(kernel, place(58, "pinctrl-bcm2711"))?.reason == .noLine)
    #expect(failure(kernel, place(UInt32.max, "pinctrl-bcm2711"))?.reason == .noLine)
    #expect(failure(ModelKernel(state: KernelState()), place(0, "pinctrl-rp1"))?.reason == .noChip)
    kernel.state.openError = 13
    #expect(failure(kernel, place(0, "pinctrl-bcm2711"))?.reason == .notPermitted)
    #expect(kernel.state.openCount == 0)
  }

  @Test func aLineInUseNamesWhoHasIt() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    chip.occupy(17, consumer: "onewire@0")
    let found = try #require(failure(kernel, place(17, "pinctrl-bcm2711")))
    #expect(found.reason == .inUse)
    #expect(consumer(found) == "onewire@0")
    #expect(words(found) == "is in use by onewire@0: end that, or take another line")
    #expect(kernel.state.openCount == 0)
  }

  @Test func aHoldersNameNeverCommandsATerminal() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    chip.occupy(17, consumer: "a\u{1b}[2J\nb")
    let found = try #require(failure(kernel, place(17, "pinctrl-bcm2711")))
    #expect(words(found) == "is in use by a.[2J.b: end that, or take another line")
  }

  @Test func oneLineHasOneUserAndIsFreeWhenThatOneGoes() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    do {
      let first = try open(kernel, place(4, "pinctrl-bcm2711"))
      let second = failure(kernel, place(4, "pinctrl-bcm2711"))
      let descriptor = first.pollDescriptor
      #expect(second?.reason == .inUse && descriptor > 0)
      #expect(consumer(second) == "cairn-agent")
      first.close()
    }
    #expect(failure(kernel, place(4, "pinctrl-bcm2711")) == nil)
  }

  @Test func aKernelWithoutDebouncingGivesTheLineAndSaysSo() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    let first = try open(kernel, place(1, "pinctrl-bcm2711"), debounce: 5000)
    let debounced = first.isDebounced
    first.close()
    #expect(debounced && chip.debounceMicroseconds == [5000])
    chip.canDebounce = false
    let bouncing = try open(kernel, place(1, "pinctrl-bcm2711"), debounce: 5000).isDebounced
    #expect(!bouncing)
  }

  @Test func edgesComeInOrderWithTheirTimesAndNumbers() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    var line = try open(kernel, place(2, "pinctrl-bcm2711"), edges: .both)
    let none1 = try line.next()
    #expect(none1 == nil)
    for index in 0..<40 { chip.pulse(2, nanoseconds: UInt64(index) * 10_000_000) }
    for index in 0..<80 {
      let next = try line.next()
      let edge = try #require(next)
      #expect(edge.isRising == (index % 2 == 0) && edge.number == UInt32(index + 1))
      #expect(
        edge.nanoseconds == UInt64(index / 2) * 10_000_000 + (index % 2 == 0 ? 0 : 1_000_000))
    }
    let none2 = try line.next()
    #expect(none2 == nil)
  }

  @Test func onlyTheWantedEdgeOfAnActiveLowLineComes() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    chip.drive(3, high: true, nanoseconds: 0)
    var line = try open(kernel, place(3, "pinctrl-bcm2711", isActiveLow: true))
    let isOn = line.isOnAtStart
    #expect(!isOn)
    chip.drive(3, high: false, nanoseconds: 5)
    chip.drive(3, high: true, nanoseconds: 6)
    let first = try line.next()
    #expect(first == GPIOEdge(isRising: true, nanoseconds: 5, number: 1))
    let none3 = try line.next()
    #expect(none3 == nil)
  }

  @Test func aFloodIsCountedToTheLastEdgeAndSaysWhatWasLost() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    var line = try open(kernel, place(5, "pinctrl-bcm2711"))
    var counter = PulseCounter(.count, perPulseE4: 0)
    counter.begin()
    for index in 0..<100_000 { chip.pulse(5, nanoseconds: UInt64(index) * 10_000) }
    var fetched: UInt64 = 0
    while let edge = try line.next() {
      counter.take(edge)
      fetched += 1
    }
    #expect(fetched == UInt64(GPIOInputLine<ModelKernel>.bufferCount))
    #expect(counter.total == 100_000 && counter.count == 100_000)
    let lost = counter.takeLost()
    #expect(lost == 100_000 - fetched)
    #expect(counter.takeLost() == 0)
  }

  @Test func aChipThatGoesEndsItsLines() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    var line = try open(kernel, place(5, "pinctrl-bcm2711"))
    chip.isGone = true
    var found: BusError?
    do throws(BusError) { _ = try line.next() } catch { found = error }
    #expect(found == .disconnected)
    #expect(failure(kernel, place(5, "pinctrl-bcm2711"))?.reason == .gone)
  }

  @Test func bytesThatAreNoEventsAreNeverEdges() throws {
    let kernel = ModelKernel(state: KernelState(chip))
    var event = [UInt8](repeating: 0, count: 48)
    event[GPIOWire.Event.id] = 1
    event[GPIOWire.Event.offset] = 5
    var wrong: [[UInt8]] = [Array(event.dropLast()), event + [0], [1]]
    for id in [0, 3, 255] as [UInt8] {
      event[GPIOWire.Event.id] = id
      wrong.append(event)
    }
    event[GPIOWire.Event.id] = 1
    event[GPIOWire.Event.offset] = 6
    wrong.append(event)
    for bytes in wrong {
      var line = try open(kernel, place(5, "pinctrl-bcm2711"))
      kernel.state.nextRead = bytes
      var found: BusError?
      do throws(BusError) { _ = try line.next() } catch { found = error }
      line.close()
      #expect(found == .system(errno: 74))
    }
  }
}
