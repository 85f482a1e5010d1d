import Foundation
import Simulation

/// The owner of a run's nodes, made with the operator's own tool. The key is thrown away with the folder, and its
/// passphrase lies beside it.
extension RunCourse {
  /// A key is sealed with 64 MiB of memory, which takes a busy machine a while.
  private static var toolMilliseconds: Int64 { 30_000 }
  /// As long as a folder may be kept.
  private static var inviteValidity: String { "365d" }

  private var passphrase: [String] { ["--passphrase-file", folder.passphrase] }

  /// Takes the key of an earlier run, or makes one, and writes the list of owners that the gateway is given.
  func makeOwner() throws(Failure) {
    let manager = FileManager.default
    if !manager.fileExists(atPath: folder.passphrase),
      !manager.createFile(
        atPath: folder.passphrase, contents: Data("throw-away, and no secret\n".utf8),
        attributes: [.posixPermissions: 0o600])
    {
      throw .step("owner", reason: "\(folder.passphrase) can't be written")
    }
    if !manager.fileExists(atPath: folder.ownerKey) {
      _ = try askTool(["owner", "new", folder.ownerKey] + passphrase)
    }
    let shown = try askTool(["owner", "show", folder.ownerKey])
    guard let key = shown["publicKey"]?.string else {
      throw .step("owner", reason: "cairn owner show gives no public key: \(shown.line)")
    }
    try write("\(key) who owns the nodes of this run\n", to: folder.owners)
    ownerKey = key
    step(
      "owner",
      "key \(DemoBlock.short(key, digitCount: 8)), throw-away, in \(folder.owner)"
    )
  }

  /// The owner's invite for this gateway, in pieces as site.ini takes them. It is signed once for each gateway, so
  /// that a run that goes on shows the enrolment of the one before.
  func invite(for node: String) throws(Failure) -> [String] {
    let path =
      folder.owner + "/invite-\(node)-\(DemoBlock.short(gatewayKey, digitCount: 16)).json"
    if !FileManager.default.fileExists(atPath: path) {
      let made = try askTool(
        [
          "owner", "invite", folder.ownerKey, "--gateway", gatewayKey, "--expires",
          Self.inviteValidity,
        ] + passphrase)
      try write(made.line + "\n", to: path)
    }
    do {
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let pieces = try DemoJSON(text)["authorization"]?.elements.compactMap(\.string) ?? []
      if !pieces.isEmpty { return pieces }
    } catch {
      throw .step("owner", reason: "\(path): \(error): remove it, and it is made anew")
    }
    throw .step("owner", reason: "\(path) holds no invite: remove it, and it is made anew")
  }

  private func write(_ text: String, to path: String) throws(Failure) {
    do { try text.write(toFile: path, atomically: true, encoding: .utf8) } catch {
      throw .step("owner", reason: "\(path): \(error.localizedDescription)")
    }
  }

  /// Runs `cairn` to its end, and reads its answer.
  private func askTool(_ arguments: [String]) throws(Failure) -> DemoJSON {
    toolOutput = ""
    let tool = try start("owner", options.program("cairn"), arguments + ["--json"])
    expectedToEnd.insert(ObjectIdentifier(tool))
    let isOver = try pump(Self.toolMilliseconds, until: { !tool.isRunning }) == .met
    expectedToEnd.remove(ObjectIdentifier(tool))
    forget(tool)
    guard isOver else {
      tool.kill()
      throw .step("owner", reason: "cairn took longer than \(Self.toolMilliseconds / 1000) s")
    }
    guard tool.ended == .status(0) else { throw tool.failure }
    do throws(DemoJSON.Failure) { return try DemoJSON(toolOutput) } catch {
      throw .step("owner", reason: "cairn answered with what is no JSON: \(toolOutput.prefix(200))")
    }
  }

  /// The gateway has the node: shown as a step when it is new, since it ends the start.
  func show(_ enrolment: DemoEnrolment) {
    let id = DemoBlock.short(enrolment.node, digitCount: 16)
    let known = nodes.first { $0.isDevice(enrolment.device) }
    known?.device = enrolment.device
    let node = known.map { "\($0.name) is \(id)" } ?? id
    let owner = enrolment.owner.map { "owner \(DemoBlock.short($0, digitCount: 8))" }
    guard enrolment.isNew else {
      note("node", "known: \(node)" + (owner.map { ", \($0)" } ?? ""), .quiet)
      return
    }
    step(
      "node",
      "\(node), enrolment \(enrolment.version), "
        + (owner.map { "by an invite of \($0)" } ?? "without an owner"))
  }
}
