import Foundation
import Testing

@testable import GatewayStore

/// One gateway has a store.
@Suite struct StoreLockTests {
  @Test func aStoreThatIsOpenIsNotOpenedASecondTime() throws {
    let folder = NSTemporaryDirectory() + "cairn-gateway-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { do { try FileManager.default.removeItem(atPath: folder) } catch { print(error) } }
    let path = folder + "/gateway.sqlite"
    let first = try GatewayStore(path: path)
    #expect(throws: GatewayStore.Failure.inUse) { try GatewayStore(path: path) }
    // By whatever name the folder goes.
    #expect(throws: GatewayStore.Failure.inUse) {
      try GatewayStore(path: folder + "/../" + (folder as NSString).lastPathComponent + "/x.sqlite")
    }
    try first.close()
    let second = try GatewayStore(path: path)
    #expect(throws: GatewayStore.Failure.inUse) { try GatewayStore(path: path) }
    try second.close()
  }

  @Test func aStoreInAFolderThatIsNotThereIsRefusedInWords() throws {
    let path = NSTemporaryDirectory() + "cairn-none-" + UUID().uuidString + "/gateway.sqlite"
    #expect {
      try GatewayStore(path: path)
    } throws: { error in
      guard case GatewayStore.Failure.notUsable(let why) = error else { return false }
      return why.contains("No such file")
    }
  }
}
