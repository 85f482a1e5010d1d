// swift-tools-version: 6.2
// One tree, two builds. Full Swift is for tests, gateway and simulator:
//     swift build
// Embedded Swift is what boards run (make ship):
//     EMBEDDED=1 swift build -c release --scratch-path .build-embedded
// BOARD_ONLY=1 leaves the host programs and their packages out, for a quick turn on board code.
import PackageDescription

let isEmbedded = Context.environment["EMBEDDED"] == "1"
let isBoardOnly = isEmbedded || Context.environment["BOARD_ONLY"] == "1"

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error), .enableExperimentalFeature("Lifetimes"),
]
/// Runs on boards: Embedded Swift in the ship build.
let board: [SwiftSetting] =
  strict
  + (isEmbedded
    ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo", "-Osize"])] : [])
/// Cannot allocate: the compiler refuses a heap allocation in the ship build.
let noHeap: [SwiftSetting] =
  board + [.strictMemorySafety()]
  + (isEmbedded ? [.unsafeFlags(["-no-allocations"])] : [])

/// A module of noHeap or board code.
func module(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting])
  -> Target
{
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: settings)
}

let boardTargets: [Target] = [
  .target(name: "CLinux", exclude: ["README.md"]),
  .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
  .systemLibrary(
    name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  .systemLibrary(name: "CInih", pkgConfig: "inih", providers: [.apt(["libinih-dev"])]),

  module("FixedMemory", ["CLinux"], noHeap),
  module("CBOR", ["FixedMemory"], noHeap),
  module("Buses", [], noHeap),
  module("Sensors", ["Buses", "FixedMemory", "Records"], noHeap),
  module("Records", ["CBOR", "FixedMemory"], noHeap),
  module("Sampling", ["Records", "FixedMemory"], noHeap),
  module("Proofs", ["CBOR", "FixedMemory", "CSodium"], noHeap),
  module("Spool", ["FixedMemory"], noHeap),
  module("DeviceLog", ["Spool", "Proofs", "Records", "CBOR", "FixedMemory"], noHeap),
  module("Delivery", ["CBOR", "FixedMemory"], noHeap),
  module("AgentMessages", ["CBOR", "FixedMemory"], noHeap),
  module("Verifier", ["Proofs", "Records", "CBOR", "FixedMemory", "CSodium"], noHeap),
  module("Signers", ["Proofs", "FixedMemory", "CSodium", "CLinux"], board),
  module("Configuration", ["FixedMemory", "CInih", "CLinux"], board),
  module("LinuxPlatform", ["Buses", "Spool", "CBOR", "FixedMemory", "CLinux"], board),
  module("HTTPSTransport", ["FixedMemory", "CLibCurl", "CLinux"], board),
]

/// A program of the board: it specialises the generics of noHeap modules, so it cannot allocate either.
func program(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting])
  -> Target
{
  .executableTarget(
    name: name, dependencies: dependencies, exclude: ["README.md"],
    swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])])
}

let boardPrograms: [Target] = [
  program(
    "cairn-agent",
    [
      "Sensors", "Records", "Sampling", "DeviceLog", "Proofs", "Spool", "Signers", "Verifier",
      "AgentMessages", "Configuration", "LinuxPlatform", "FixedMemory", "CBOR", "Buses",
    ], noHeap),
  program(
    "cairn-uplink-https",
    [
      "Delivery", "HTTPSTransport", "Spool", "DeviceLog", "Proofs", "AgentMessages",
      "Configuration", "LinuxPlatform", "FixedMemory", "CBOR",
    ], noHeap),
  program(
    "cairn",
    [
      "DeviceLog", "Proofs", "Records", "Verifier", "Spool", "AgentMessages", "Configuration",
      "LinuxPlatform", "Signers", "FixedMemory", "CBOR",
    ], noHeap),
]

/// Full Swift that tests of board code need: not in the ship build.
let simulationTargets: [Target] = [
  module(
    "Simulation",
    [
      "Buses", "Sensors", "Records", "Spool", "CBOR", "FixedMemory", "LinuxPlatform", "CLinux",
    ], strict),
]

let hostTargets: [Target] = [
  module(
    "GatewayStore",
    [
      "Verifier", "Proofs", "Records", "CBOR", "FixedMemory", "Signers",
      .product(name: "GRDB", package: "GRDB.swift"),
    ], strict),
  module(
    "GatewayServer",
    ["GatewayStore", .product(name: "Hummingbird", package: "hummingbird")], strict),
  program(
    "cairn-gateway",
    [
      "GatewayServer", "GatewayStore", "Signers",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ], strict),
  program(
    "cairn-simulate",
    [
      "Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ], strict),
]

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies)
}

let boardTests: [Target] = [
  tests("FixedMemory", ["FixedMemory"]),
  tests("CBOR", ["CBOR", "FixedMemory"]),
  tests("Records", ["Records", "CBOR", "FixedMemory"]),
  tests("Sensors", ["Sensors", "Records", "Buses", "FixedMemory"]),
  tests("Sampling", ["Sampling", "Records", "FixedMemory"]),
  tests("Proofs", ["Proofs", "CBOR", "FixedMemory", "Signers"]),
  tests("Spool", ["Spool", "Simulation", "FixedMemory"]),
  tests("DeviceLog", ["DeviceLog", "Spool", "Proofs", "Records", "Verifier", "FixedMemory"]),
  tests("Delivery", ["Delivery", "FixedMemory"]),
  tests("AgentMessages", ["AgentMessages", "CBOR", "FixedMemory"]),
  tests("Verifier", ["Verifier", "Proofs", "Records", "CBOR", "FixedMemory", "Signers"]),
  tests("Signers", ["Signers", "Proofs", "FixedMemory"]),
  tests("Configuration", ["Configuration", "FixedMemory"]),
  tests("LinuxPlatform", ["LinuxPlatform", "Buses", "Spool", "FixedMemory", "CLinux"]),
  tests("HTTPSTransport", ["HTTPSTransport", "FixedMemory"]),
  tests("Simulation", ["Simulation", "Sensors", "Records", "Buses", "Spool", "FixedMemory"]),
]

let hostTests: [Target] = [
  tests(
    "GatewayStore",
    ["GatewayStore", "Verifier", "Proofs", "Records", "DeviceLog", "Signers", "FixedMemory"]),
  tests(
    "GatewayServer",
    [
      "GatewayServer", "GatewayStore",
      .product(name: "HummingbirdTesting", package: "hummingbird"),
    ]),
  // Whole programs, as a person starts them.
  tests("Whole", ["Simulation"]),
]

let package = Package(
  name: "cairn",
  dependencies: isBoardOnly
    ? []
    : [
      .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
      .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
      .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    ],
  targets: boardTargets + boardPrograms
    + (isBoardOnly ? [] : hostTargets + hostTests)
    + (isEmbedded ? [] : simulationTargets + boardTests))
