import FixedMemory
import LinuxPlatform
import SocketPrograms

@main
struct Program {
  static func main() {
    let options = ForwarderOptions.read()
    let place = options.begin()
    let gateways: UDPSocket
    do throws(SystemError) { gateways = try UDPSocket(boundTo: options.listen) } catch {
      var text = TextBuilder<256>()
      text.append("--listen: ")
      text.append(error)
      ForwarderOptions.end(.refused, text.span)
    }
    var server: ForwarderServer
    do throws(SocketFailure) {
      server = ForwarderServer(
        gateways: gateways, server: options.server,
        agents: try AgentClients(at: place.path, askingUser: place.agent),
        firstToken: UInt16(truncatingIfNeeded: randomWord()))
    } catch {
      ForwarderOptions.refuse(error, place.path)
    }
    server.tellBeginning()
    place.serve(&server)
    // The socket goes with the server, before the program does.
    _ = consume server
    ForwarderOptions.end(.success)
  }
}
