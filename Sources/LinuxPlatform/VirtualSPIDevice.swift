import Buses
import CLinux
import FixedMemory

/// A chip whose model is in the simulator, behind a socket of its own. What comes from there is always flagged as
/// simulated. When the simulator has gone, transfers fail with `disconnected`; the next one connects anew.
public struct VirtualSPIDevice: SPIDevice, ~Copyable {
  /// How long an answer may take: the simulator may have to be scheduled first.
  public static var patienceMilliseconds: Int64 { 2000 }

  private var client: BusSocketClient

  /// Connects at its first transfer, so it never fails here.
  public init(path: FixedPath) { client = BusSocketClient(path: path) }

  public mutating func transfer(_ bytes: inout MutableSpan<UInt8>) throws(BusError) {
    guard !bytes.isEmpty else { return }
    guard bytes.count <= BusMessage.maximumTransferByteCount else {
      throw .system(errno: EMSGSIZE)
    }
    var packet = InlineArray<4096, UInt8>(repeating: 0)
    // One chip for each socket: it has the first chip select.
    let byteCount = BusMessage.spiRequest(select: 0, bytes.span, into: &packet)
    let status = try client.exchange(
      &packet, byteCount: byteCount, into: &bytes,
      patienceMilliseconds: Self.patienceMilliseconds)
    if let error = BusError(status: status) { throw error }
  }
}
