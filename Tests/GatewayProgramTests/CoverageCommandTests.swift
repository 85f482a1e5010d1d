import Foundation
import Proofs
import Testing

/// `--coverage` and `cairn-gateway coverage` as an operator types them.
@Suite(.timeLimit(.minutes(30))) struct CoverageCommandTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func policy(_ option: String) async throws -> CoveragePolicy {
    let gateway = try GatewayProcess(folder, ["--coverage", option])
    let answer = try await gateway.get("/v1/challenge?region=EU868", accept: "application/cose")
    let message = answer.body
    let challenge = try Challenge(verifying: message.span, gatewayKey: folder.publicKey)
    let policy = challenge.coverage
    #expect(gateway.stop() == 0)
    return try #require(policy)
  }

  @Test func whatIsNotToldFollowsTheWindow() async throws {
    #expect(try await policy("EU868") == CoveragePolicy())
    // A demonstration: seconds.
    let short = try await policy("EU868:window=20,slot=1000,delay=5")
    #expect(short.windowSeconds == 20 && short.slotMilliseconds == 1_000)
    #expect(short.slotCount == 17 && short.reserveSlotCount == 2 && short.revealDelaySeconds == 5)
    let minute = try await policy("US915;EU868:window=60,real=1")
    #expect(minute.slotCount == 26 && minute.reserveSlotCount == 3)
    #expect(minute.revealDelaySeconds == 1_440 && minute.refusesSimulated)
  }

  @Test func rulesThatNobodyCanFollowAreRefusedInWords() throws {
    let wrong = [
      "EU999", "EU868:window=0", "EU868:slots=0", "EU868:window", "EU868:speed=3",
      "EU868:window=60,window=60", "EU868;EU868", "EU868:window=3600", "EU868:slot=500",
      "EU868:window=20,slot=1000,slots=30", "EU868:minimum=9,maximum=9", "EU868:delay=30000",
    ]
    for option in wrong {
      let (status, words) = try GatewayProgram.run([
        "--data", folder.path, "--listen", "127.0.0.1:0", "--coverage", option,
      ])
      #expect(status == 78, "\(option): \(words)")
      #expect(words.contains("coverage: "), "\(option): \(words)")
    }
  }

  @Test func aGatewayWithoutBeaconsHasNoneToList() throws {
    let gateway = try GatewayProcess(folder)
    var (status, words) = try GatewayProgram.run(["coverage", "--data", folder.path])
    #expect(status == 0 && words == "No beacon's reveal is due yet.\n")
    (status, words) = try GatewayProgram.run(["coverage", "--data", folder.path, "--json"])
    #expect(status == 0 && words == "{\"beacons\":[],\"periods\":[]}\n")
    let stranger = String(repeating: "0", count: 64)
    (status, words) = try GatewayProgram.run([
      "coverage", "--data", folder.path, "--device", stranger,
    ])
    #expect(status == 73 && words.contains("is no device of this gateway"))
    (status, words) = try GatewayProgram.run([
      "coverage", "--data", folder.path, "--at", "soon",
    ])
    #expect(status == 78 && words.contains("--at is a time"))
    #expect(gateway.stop() == 0)
    (status, words) = try GatewayProgram.run(["coverage", "--data", folder.path + "/none"])
    #expect(status == 73 && words.contains("gateway.sqlite"))
  }
}
