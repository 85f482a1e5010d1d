import FixedMemory
import NodeConfiguration

/// Which parts of a board this node's site file asks for.
struct BoardUsage {
  enum Need: UInt8 {
    case none, optional, required

    /// How bad it is when such a part is not as it should be.
    var stateWhenWrong: CheckRow.State {
      switch self {
      case .none: .unused
      case .optional: .warning
      case .required: .failed
      }
    }
  }

  private var buses = FixedArray<16, Name>(filler: Name())
  private var isRequired = InlineArray<16, Bool>(repeating: false)
  private var lines = FixedArray<8, Name>(filler: Name())
  private var isLineRequired = InlineArray<8, Bool>(repeating: false)
  private var port: Name?
  /// The radio's: its module's line, or its chip's wiring.
  private var radio: (port: Name, wiring: Name)?

  /// Nothing is asked for: there is no site file that could be read.
  init() {}

  init(_ site: borrowing SiteConfiguration) {
    for index in site.sensors.indices where buses.offer(site.sensors[index].bus) {
      isRequired[buses.count - 1] = !site.sensors[index].isOptional
    }
    for index in site.pulses.indices where lines.offer(site.pulses[index].gpioLine) {
      isLineRequired[lines.count - 1] = !site.pulses[index].isOptional
    }
    for index in site.contacts.indices { _ = lines.offer(site.contacts[index].gpioLine) }
    port = site.gnss?.port
    radio = site.radio.map { ($0.port, $0.wiring) }
  }

  func need(ofBus name: Name) -> Need {
    var need = Need.none
    for index in buses.indices where buses[index] == name {
      if isRequired[index] { return .required }
      need = .optional
    }
    return need
  }

  /// A receiver or a module may be plugged in at any time, so that none is ever required.
  func need(ofSerialLine name: Name) -> Need {
    port == name || radio?.port == name ? .optional : .none
  }

  /// The agent goes on without its radio.
  func need(ofSPIBus name: Name, _ board: borrowing BoardProfile) -> Need {
    wiring(board)?.spi == name ? .optional : .none
  }

  private func wiring(_ board: borrowing BoardProfile) -> BoardProfile.LoRaWiring? {
    guard let name = radio?.wiring, !name.isEmpty else { return nil }
    return board.loRaWiring(named: name)
  }

  func need(ofGPIOLine name: Name, _ board: borrowing BoardProfile) -> Need {
    var need = board.led == name || board.button == name ? Need.optional : .none
    if let wiring = wiring(board),
      wiring.reset == name || wiring.busy == name || wiring.interrupt == name
    {
      need = .optional
    }
    for index in lines.indices where lines[index] == name {
      if isLineRequired[index] { return .required }
      need = .optional
    }
    return need
  }
}
