import FixedMemory
import LinuxPlatform

@main
struct Program {
  static func main() {
    let options = ForwarderOptions.read()
    do throws(SystemError) { try ignoreBrokenPipes() } catch {
      refuse("the kernel refuses to ignore SIGPIPE; look at the sandbox")
    }
    let signals: TerminationSignals
    do throws(SystemError) { signals = try TerminationSignals() } catch {
      refuse("the kernel gives no signal descriptor")
    }
    guard let run = FixedPath(options.runFolder.span), let path = options.socketPath else {
      refuse("--run is too long for a socket")
    }
    // The agent's folder: whoever owns it is the agent. No user's name has to be looked up.
    guard let agent = ownerUserID(of: run) else { refuse("--run: no such folder") }
    let gateways: UDPSocket
    do throws(SystemError) { gateways = try UDPSocket(boundTo: options.listen) } catch {
      var text = TextBuilder<256>()
      text.append("--listen: ")
      text.append(error)
      endProgram(.refused, text.span)
    }
    var server: ForwarderServer
    do throws(SocketFailure) {
      server = ForwarderServer(
        gateways: gateways, server: options.server,
        agents: try AgentClients(at: path, askingUser: agent),
        firstToken: UInt16(truncatingIfNeeded: randomWord()))
    } catch {
      refuse(error, path)
    }
    server.tellBeginning()
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
    case .pathInUse: text.append(": another forwarder listens there: give this one another --run")
    case .pathTooLong: text.append(": longer than 107 bytes: choose a shorter --run")
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
