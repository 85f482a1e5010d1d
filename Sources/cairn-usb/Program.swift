import FixedMemory
import LinuxPlatform
import LinuxUSB
import SocketPrograms
import USBBridges

@main
struct Program {
  static func main() {
    let options = BridgeOptions.read()
    let place = options.begin()
    let usb: LinuxUSB
    do throws(USBFailure) { usb = try LinuxUSB(options.selector) } catch {
      var text = TextBuilder<256>()
      BridgeReason.failing(error).describe(
        place: FixedText("USB"), kernelDriver: FixedText(), to: &text)
      BridgeOptions.end(.unavailable, text.span)
    }
    let stick = CH341(transport: usb, speed: options.speed)
    var server: StickServer
    do throws(SocketFailure) {
      server = StickServer(
        bridge: try BridgeServer(
          stick, at: place.path, name: options.socketName, askingUser: place.agent))
    } catch {
      BridgeOptions.refuse(error, place.path)
    }
    place.serve(&server)
    // The socket goes with the server, before the program does.
    _ = consume server
    BridgeOptions.end(.success)
  }
}

/// The bridge of a stick on this machine's USB, as the loop calls it.
private struct StickServer: SocketServer, ~Copyable {
  var bridge: BridgeServer<LinuxUSB>

  mutating func turn(otherDescriptor: Int32) throws(SystemError) {
    try bridge.turn(otherDescriptor: otherDescriptor)
  }
}
