import FixedMemory
import LinuxPlatform
import LinuxUSB
import USBBridges

@main
struct Program {
  static func main() {
    let options = BridgeOptions.read()
    do throws(SystemError) { try ignoreBrokenPipes() } catch {
      refuse("the kernel refuses to ignore SIGPIPE; look at the sandbox")
    }
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      refuse("the kernel gives no signal descriptor")
    }
    guard let run = FixedPath(options.runFolder.span), let path = options.socketPath else {
      refuse("--run and --name together are too long for a socket")
    }
    // The agent's folder: whoever owns it is the agent. No user's name has to be looked up.
    guard let agent = ownerUserID(of: run) else { refuse("--run: no such folder") }
    let usb: LinuxUSB
    do throws(USBFailure) { usb = try LinuxUSB(options.selector) } catch {
      var text = TextBuilder<256>()
      BridgeReason.failing(error).describe(
        place: FixedText("USB"), kernelDriver: FixedText(), to: &text)
      endProgram(.unavailable, text.span)
    }
    let stick = CH341(transport: usb, speed: options.speed)
    var server: BridgeServer<LinuxUSB>
    do throws(SocketFailure) {
      server = try BridgeServer(stick, at: path, name: options.name, askingUser: agent)
    } catch {
      refuse(error, path)
    }
    ServiceManager.tellReady()
    do throws(SystemError) {
      while try signals.next() == nil {
        try server.turn(otherDescriptor: signals.pollDescriptor)
      }
    } catch {
      refuse("the kernel refuses to wait (poll)")
    }
    ServiceManager.tellStopping()
    // The socket goes with the server, before the program does.
    _ = consume server
    endProgram(.success)
  }

  private static func refuse(_ failure: SocketFailure, _ path: FixedPath) -> Never {
    var text = TextBuilder<384>()
    text.append(path.span)
    switch failure {
    case .pathInUse: text.append(": another bridge listens there: give this one another --name")
    case .pathTooLong: text.append(": longer than 107 bytes: choose a shorter --run or --name")
    case .nobodyListens: text.append(": no such folder")
    case .timedOut, .closed, .messageTooLong: text.append(": can't listen")
    case .system(let errno):
      text.append(": ")
      text.append(SystemError(errno: errno))
    }
    endProgram(.refused, text.span)
  }

  private static func refuse(_ why: StaticString) -> Never {
    var text = TextBuilder<128>()
    text.append(why)
    endProgram(.refused, text.span)
  }
}
