// swift-tools-version: 6.2
// One tree, two builds. Full Swift is for tests, gateway and simulator:
//     swift build
// Embedded Swift is what boards run (make ship):
//     EMBEDDED=1 swift build -c release --scratch-path .build-embedded
// BOARD_ONLY=1 leaves the host programs and their packages out, for a quick turn on board code.
import PackageDescription

let isEmbedded = Context.environment["EMBEDDED"] == "1"
let isBoardOnly = isEmbedded || Context.environment["BOARD_ONLY"] == "1"

/// Where headers and libraries of another architecture lie, and its name for the linker (Boards/Cross).
let sysroot = Context.environment["CROSS_SYSROOT"]
let crossLink: [LinkerSetting] =
  if let sysroot, let target = Context.environment["CROSS_TARGET"] {
    [
      .unsafeFlags([
        "-use-ld=lld", "-Xclang-linker", "--target=\(target)",
        "-Xclang-linker", "--sysroot=\(sysroot)",
      ])
    ]
  } else { [] }

/// Static programs of 64 bits have musl for their C library; everything else has the system's.
let hasMusl = Context.environment["CROSS_TARGET"]?.hasSuffix("-musl") ?? false

let has32BitWords = Context.environment["CROSS_TARGET"]?.hasPrefix("arm-") ?? false

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error), .enableExperimentalFeature("Lifetimes"),
]
/// Runs on boards: Embedded Swift in the ship build.
let board: [SwiftSetting] =
  strict
  + (isEmbedded
    ? [
      .enableExperimentalFeature("Embedded"),
      .unsafeFlags(["-wmo", "-Osize", "-Xfrontend", "-function-sections"]),
    ] : [])
/// The compiler refuses what allocates. Not where words have 32 bits: there even UInt64(someUInt32) brings in
/// types of the standard library that could allocate, and Boards/Cross looks at the linked program instead.
let noAllocations: [SwiftSetting] =
  isEmbedded && !has32BitWords ? [.unsafeFlags(["-no-allocations"])] : []
/// Cannot allocate: the compiler refuses a heap allocation in the ship build.
let noHeap: [SwiftSetting] = board + [.strictMemorySafety()] + noAllocations

/// A module of noHeap or board code.
func module(_ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting])
  -> Target
{
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: settings)
}

let boardTargets: [Target] = [
  // What Debian's libraries, made for glibc, find no other place for in a program with musl.
  .target(name: "CFortify", exclude: ["README.md"]),
  .target(
    name: "CLinux", dependencies: hasMusl ? ["CFortify"] : [], exclude: ["README.md"],
    // Offsets in files and times have 64 bits, on armhf too.
    cSettings: [.define("_FILE_OFFSET_BITS", to: "64"), .define("_TIME_BITS", to: "64")]),
  .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
  .systemLibrary(
    name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  .systemLibrary(
    name: "CLibMosquitto", pkgConfig: "libmosquitto", providers: [.apt(["libmosquitto-dev"])]),
  // Has libc's __assert_fail, so that no packet ends the program by an assertion of libmosquitto.
  .target(name: "CMosquittoGuard", exclude: ["README.md"]),
  .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  .systemLibrary(
    name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
  .systemLibrary(
    name: "CLibUSB", pkgConfig: "libusb-1.0", providers: [.apt(["libusb-1.0-0-dev"])]),
  // libedit reads through CLinux's session, so that every wait ends.
  .target(
    name: "CLibEdit", dependencies: ["CLinux"], exclude: ["README.md"],
    linkerSettings: [.linkedLibrary("edit")]),
  .systemLibrary(name: "CInih", pkgConfig: "inih", providers: [.apt(["libinih-dev"])]),

  module("FixedMemory", ["CLinux"], noHeap),
  module("CBOR", ["FixedMemory"], noHeap),
  module("Buses", [], noHeap),
  module("Sensors", ["Buses", "FixedMemory", "Records"], noHeap),
  module("Records", ["CBOR", "FixedMemory"], noHeap),
  module("Sampling", ["Records"], noHeap),
  module("LoRa", ["FixedMemory"], noHeap),
  module("Radios", ["Buses", "LoRa", "Records", "FixedMemory"], noHeap),
  module("GWMP", ["CBOR", "FixedMemory"], noHeap),
  module("Proofs", ["CBOR", "FixedMemory", "CSodium"], noHeap),
  module("Coverage", ["LoRa", "Proofs", "Records", "CBOR", "FixedMemory"], noHeap),
  module(
    "RadioDuties",
    [
      "Coverage", "Radios", "LoRa", "Proofs", "Records", "Buses", "FixedMemory", "GWMP", "CBOR",
    ],
    noHeap),
  module("Identity", ["Proofs", "CBOR", "FixedMemory"], noHeap),
  module("Spool", ["FixedMemory"], noHeap),
  module("DeviceLog", ["Spool", "Proofs", "Records", "CBOR", "FixedMemory"], noHeap),
  module("Delivery", ["Records", "CBOR", "FixedMemory"], noHeap),
  module("AgentMessages", ["Records", "CBOR", "FixedMemory"], noHeap),
  module(
    "Verifier", ["Identity", "Proofs", "Records", "CBOR", "FixedMemory", "CSodium"], noHeap),
  module("P256Signatures", ["Verifier", "Proofs", "FixedMemory", "COpenSSL"], noHeap),
  module("Signers", ["Proofs", "FixedMemory", "CSodium", "CLinux"], board),
  module("NodeConfiguration", ["FixedMemory", "CInih"], noHeap),
  .systemLibrary(name: "CLibI2C", providers: [.apt(["libi2c-dev"])]),
  // libi2c has no pkg-config file, and the ship build does not follow a module map's `link`.
  .target(
    name: "LinuxPlatform",
    dependencies: ["Buses", "Spool", "CBOR", "FixedMemory", "CLinux", "CLibI2C"],
    exclude: ["README.md"], swiftSettings: noHeap, linkerSettings: [.linkedLibrary("i2c")]),
  module("SocketPrograms", ["LinuxPlatform", "FixedMemory", "CLinux"], noHeap),
  module("USBBridges", ["Buses", "LinuxPlatform", "FixedMemory"], noHeap),
  // Works on C values with pointers in them, so without the strict check.
  module("LinuxUSB", ["USBBridges", "FixedMemory", "CLibUSB"], board + noAllocations),
  .systemLibrary(name: "CLibGPIOD", providers: [.apt(["libgpiod-dev"])]),
  .target(
    name: "LinuxGPIO",
    dependencies: ["Buses", "LinuxPlatform", "FixedMemory", "CLinux", "CLibGPIOD"],
    exclude: ["README.md"], swiftSettings: noHeap, linkerSettings: [.linkedLibrary("gpiod")]),
  // Works on C pointers throughout, so without the strict check; Swift's part of it cannot allocate.
  module(
    "HTTPSTransport", ["LinuxPlatform", "FixedMemory", "CLibCurl"],
    board + noAllocations),
  module(
    "MQTTTransport", ["LinuxPlatform", "FixedMemory", "CLibMosquitto", "CMosquittoGuard"],
    board + noAllocations),
  module(
    "NodeFiles", ["NodeConfiguration", "LinuxPlatform", "Proofs", "FixedMemory", "CLinux"], noHeap),
  module(
    "Uplinks",
    [
      "Delivery", "Spool", "DeviceLog", "Proofs", "Records", "AgentMessages", "NodeConfiguration",
      "NodeFiles", "LinuxPlatform", "FixedMemory", "CBOR", "Verifier", "Identity",
    ], noHeap),
]

/// A program of the board: it specialises the generics of noHeap modules, so it cannot allocate either.
func program(
  _ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting],
  isStatic: Bool = false
) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies, exclude: ["README.md"],
    swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])],
    // One file for any distribution, and nothing to load at start. Bodies that are equal, as generics of like layout
    // have them, are there once; nothing unwinds a stack, so that no index of tables for it is.
    linkerSettings: isEmbedded && isStatic
      ? [
        .unsafeFlags([
          "-Xclang-linker", "-static", "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all",
          "-Xlinker", "--no-eh-frame-hdr",
        ])
      ] + crossLink
      : crossLink)
}

let boardPrograms: [Target] = [
  program(
    "cairn-agent",
    [
      "Sensors", "Records", "Sampling", "DeviceLog", "Proofs", "Identity", "Spool", "Signers",
      "Verifier", "AgentMessages", "NodeConfiguration", "NodeFiles", "LinuxPlatform", "FixedMemory",
      "CBOR",
      "Buses", "LinuxGPIO", "RadioDuties", "Radios", "Coverage", "LoRa", "GWMP",
    ], noHeap, isStatic: true),
  program(
    "cairn-uplink-https",
    [
      "Uplinks", "HTTPSTransport", "NodeConfiguration", "NodeFiles", "LinuxPlatform", "Proofs",
      "FixedMemory",
    ], noHeap),
  program(
    "cairn-uplink-mqtt",
    [
      "Uplinks", "MQTTTransport", "NodeConfiguration", "NodeFiles", "LinuxPlatform", "Proofs",
      "FixedMemory",
    ], noHeap),
  program(
    "cairn-usb",
    ["USBBridges", "LinuxUSB", "SocketPrograms", "LinuxPlatform", "FixedMemory"], noHeap),
  program(
    "cairn-forwarder",
    ["GWMP", "CBOR", "LoRa", "SocketPrograms", "LinuxPlatform", "FixedMemory"], noHeap),
  program(
    "cairn",
    [
      "DeviceLog", "Proofs", "Records", "Verifier", "Spool", "Delivery", "AgentMessages",
      "P256Signatures",
      "NodeConfiguration", "NodeFiles", "LinuxPlatform", "FixedMemory", "CBOR", "CLinux",
      "Identity", "Signers", "CQREncode", "Sensors", "Buses", "CLibEdit",
      "LoRa", "Radios",
    ], noHeap),
]

/// Measure and compare; never installed. Built as a board's program is, so that what is seen is what runs there.
let benchPrograms: [Target] = [
  module("LogInMemory", ["DeviceLog", "Spool", "FixedMemory"], board),
  program(
    "cairn-bench",
    [
      "LogInMemory", "DeviceLog", "Spool", "Signers", "Proofs", "Records", "LinuxPlatform",
      "FixedMemory", "CSodium", "CLinux",
    ], board, isStatic: true),
  program(
    "cairn-transcript",
    [
      "LogInMemory", "DeviceLog", "Spool", "Signers", "Identity", "Proofs", "Records", "Sensors",
      "Sampling", "Verifier", "Delivery", "AgentMessages", "NodeConfiguration", "LinuxPlatform",
      "Buses", "CBOR", "FixedMemory", "CLinux",
    ], board, isStatic: true),
]

/// Host code without packages from outside: in every build but the ship build.
let simulationTargets: [Target] = [
  module("Air", ["LoRa"], strict),
  module(
    "Simulation",
    [
      "Air", "Buses", "Records", "Spool", "CBOR", "FixedMemory", "LinuxPlatform", "CLinux",
      "LinuxGPIO",
    ], strict),
]

let hostTargets: [Target] = [
  module(
    "HostCryptography",
    [
      "Verifier", "Proofs", "FixedMemory", "COpenSSL",
      .product(name: "Crypto", package: "swift-crypto"),
    ], strict),
  module(
    "Archive",
    [
      "CoverageStatistics", "CoverageVerifier", "HostCryptography", "Verifier", "Identity",
      "Proofs", "Records", "CBOR",
      "FixedMemory",
    ], strict
  ),
  module(
    "CoverageVerifier",
    ["Coverage", "LoRa", "Identity", "Proofs", "Records", "CBOR", "FixedMemory"], strict),
  module("HeliumFormats", ["Proofs", "Records", "FixedMemory"], strict),
  module(
    "CoverageStatistics", ["CoverageVerifier", "Coverage", "LoRa", "Identity", "Proofs"], strict),
  module(
    "Attackers",
    [
      "CoverageStatistics", "CoverageVerifier", "Coverage", "Air", "LoRa", "Simulation", "Identity",
      "Signers", "Verifier",
      "Proofs", "Records", "FixedMemory",
    ], strict),
  module(
    "GatewayStore",
    [
      "Archive", "CoverageStatistics", "CoverageVerifier", "Coverage", "HostCryptography",
      "Verifier", "Identity", "Proofs", "Records", "CBOR", "FixedMemory", "Signers", "CLinux",
      .product(name: "GRDB", package: "GRDB.swift"),
    ], strict),
  module(
    "GatewayServer",
    [
      "GatewayStore", "CoverageStatistics", "Coverage", "CoverageVerifier", "Verifier", "Identity",
      "Proofs", "Records", "CBOR", "FixedMemory", "MQTTTransport",
      .product(name: "Hummingbird", package: "hummingbird"),
      .product(name: "HummingbirdCore", package: "hummingbird"),
      .product(name: "HummingbirdTLS", package: "hummingbird"),
    ], strict),
  program(
    "cairn-gateway",
    [
      "GatewayServer", "GatewayStore", "Archive", "HostCryptography", "Identity", "Signers", "LoRa",
      "Coverage", "CoverageVerifier", "Verifier", "Proofs", "Records", "CBOR", "FixedMemory",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ], strict),
  program(
    "cairn-simulate",
    [
      "Air", "LoRa", "Simulation", "AgentMessages", "HTTPSTransport", "LinuxPlatform", "CBOR",
      "FixedMemory", "CLinux",
      .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ], strict),
  program(
    "cairn-attack",
    ["Attackers", .product(name: "ArgumentParser", package: "swift-argument-parser")], strict),
]

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name + "Tests", dependencies: dependencies)
}

let boardTests: [Target] = [
  .target(
    name: "TestSupport", dependencies: ["FixedMemory", "LinuxPlatform", "Proofs", "Signers"],
    path: "Tests/TestSupport", exclude: ["README.md"]),
  // An emulated stick, for tests.
  .target(
    name: "StickSupport",
    dependencies: ["USBBridges", "Buses", "Simulation", "LinuxPlatform", "FixedMemory"],
    path: "Tests/StickSupport", exclude: ["README.md"]),
  tests("FixedMemory", ["FixedMemory"]),
  tests("CBOR", ["CBOR", "FixedMemory", "Simulation"]),
  tests("Records", ["Records", "CBOR", "FixedMemory", "TestSupport"]),
  tests("Sensors", ["Sensors", "Records", "Buses"]),
  tests("Sampling", ["Sampling", "Records"]),
  tests("LoRa", ["LoRa", "FixedMemory"]),
  // Drivers against modules that are models, at the level of bytes.
  tests("Radios", ["Radios", "LoRa", "Buses", "Simulation", "LinuxPlatform", "FixedMemory"]),
  tests(
    "RadioDuties",
    [
      "RadioDuties", "Coverage", "Radios", "LoRa", "Buses", "Simulation", "Proofs", "Records",
      "FixedMemory", "TestSupport", "GWMP",
    ]),
  tests("Coverage", ["Coverage", "LoRa", "Proofs", "Records", "FixedMemory", "TestSupport"]),
  tests("GWMP", ["GWMP", "CBOR", "FixedMemory"]),
  // The whole program, between a packet forwarder, a network server and an agent that the tests play.
  tests("Forwarder", ["cairn-forwarder", "GWMP", "LinuxPlatform", "FixedMemory"]),
  tests("Proofs", ["Proofs", "CBOR", "FixedMemory", "Signers", "TestSupport"]),
  tests("Identity", ["Identity", "Proofs", "CBOR", "FixedMemory", "Signers", "TestSupport"]),
  tests("Spool", ["Spool", "Simulation", "FixedMemory"]),
  tests(
    "DeviceLog",
    [
      "DeviceLog", "Spool", "Proofs", "Records", "Verifier", "Signers", "FixedMemory",
      "Simulation", "TestSupport",
    ]),
  tests("Delivery", ["Delivery", "Records", "CBOR", "FixedMemory"]),
  tests("AgentMessages", ["AgentMessages", "Records", "CBOR", "FixedMemory"]),
  tests(
    "Verifier",
    [
      "Verifier", "Identity", "Proofs", "Records", "CBOR", "FixedMemory", "Signers", "TestSupport",
    ]),
  tests(
    "P256Signatures",
    ["P256Signatures", "Verifier", "Proofs", "FixedMemory", "TestSupport"]),
  tests("Signers", ["Signers", "Proofs", "FixedMemory", "TestSupport"]),
  tests("NodeConfiguration", ["NodeConfiguration", "FixedMemory"]),
  tests(
    "NodeFiles", ["NodeFiles", "NodeConfiguration", "LinuxPlatform", "FixedMemory"]),
  tests("LinuxPlatform", ["LinuxPlatform", "Buses", "Spool", "CBOR", "FixedMemory", "CLinux"]),
  tests("LinuxUSB", ["LinuxUSB", "USBBridges", "FixedMemory", "cairn-usb", "LinuxPlatform"]),
  // Driver, agent's side, socket, server and an emulated stick with chip models behind it.
  tests(
    "USBBridges",
    [
      "USBBridges", "Buses", "Sensors", "Simulation", "LinuxPlatform", "FixedMemory", "Radios",
      "LoRa", "StickSupport",
    ]),
  tests(
    "LinuxGPIO",
    ["LinuxGPIO", "LinuxPlatform", "Buses", "Sensors", "Simulation", "FixedMemory", "CLinux"]),
  tests("HTTPSTransport", ["HTTPSTransport", "FixedMemory", "CLibCurl"]),
  tests("MQTTTransport", ["MQTTTransport", "FixedMemory", "TestSupport"]),
  tests(
    "CairnTool",
    [
      "cairn", "cairn-agent",
      "DeviceLog", "Delivery", "AgentMessages", "Records", "Proofs", "Verifier", "Spool",
      "Signers", "CBOR", "FixedMemory", "LinuxPlatform", "NodeConfiguration", "NodeFiles",
      "Identity", "CLinux", "TestSupport", "Simulation", "cairn-uplink-https",
      "cairn-uplink-mqtt",
    ]),
  // The whole program, between an agent and a gateway that the tests play.
  tests(
    "Uplink",
    [
      "cairn-uplink-https", "DeviceLog", "Delivery", "AgentMessages", "Records", "Proofs", "Spool",
      "Signers", "CBOR", "FixedMemory", "LinuxPlatform", "TestSupport", "Identity",
    ]),
  tests("Air", ["Air", "LoRa"]),
  tests(
    "Simulation",
    [
      "Air", "LoRa", "Simulation", "Sensors", "Records", "Buses", "Spool", "CBOR", "CLinux",
      "LinuxPlatform",
    ]),
]

let hostTests: [Target] = [
  tests(
    "CoverageVerifier",
    [
      "CoverageVerifier", "Coverage", "LoRa", "Identity", "Proofs", "Records", "FixedMemory",
      "Simulation",
    ]),
  tests(
    "CoverageStatistics",
    ["CoverageStatistics", "CoverageVerifier", "Identity", "Proofs", "FixedMemory"]),
  tests(
    "HeliumFormats",
    ["HeliumFormats", "Signers", "Proofs", "Records", "FixedMemory", "TestSupport"]),
  // The short form of `make attack-test`.
  tests(
    "Attackers",
    ["Attackers", "Air", "CoverageStatistics", "CoverageVerifier", "Records", "FixedMemory"]),
  tests(
    "GatewayStore",
    [
      "Archive", "GatewayStore", "Verifier", "Identity", "Proofs", "Records", "Signers",
      "CoverageVerifier", "Coverage", "LoRa", "Simulation",
      "CBOR", "FixedMemory", "TestSupport", .product(name: "Crypto", package: "swift-crypto"),
    ]),
  tests(
    "GatewayServer",
    [
      "GatewayServer", "GatewayStore", "Archive", "CoverageStatistics", "Coverage",
      "CoverageVerifier", "LoRa", "Verifier", "Identity",
      "Proofs", "Records", "Signers", "CBOR", "FixedMemory",
      .product(name: "Hummingbird", package: "hummingbird"),
      .product(name: "HummingbirdTesting", package: "hummingbird"),
    ]),
  // The gateway as systemd would start it, and as a power cut would end it.
  tests(
    "GatewayProgram",
    [
      "cairn-gateway", "Verifier", "Identity", "Proofs", "Records", "Signers", "FixedMemory",
      "Simulation", "cairn-agent", "cairn-uplink-https", "cairn-uplink-mqtt", "MQTTTransport",
      "TestSupport",
    ]),
  // The agent as systemd would start it, on the simulator's board.
  tests(
    "Agent",
    [
      "cairn-agent", "AgentMessages", "CBOR", "DeviceLog", "FixedMemory", "Identity",
      "LinuxPlatform", "Proofs", "Records", "Signers", "Spool", "Verifier", "TestSupport",
      "Simulation", "Coverage", "Radios", "CoverageVerifier", "LoRa", "StickSupport",
      "cairn-forwarder",
    ]),
  // Whole programs, as a person starts them.
  tests(
    "Whole",
    [
      "Simulation", "HTTPSTransport", "Identity", "Proofs", "Signers", "Verifier",
      "FixedMemory", "TestSupport", "DeviceLog", "Delivery", "LinuxPlatform", "Records", "Spool",
    ]),
]

let package = Package(
  name: "cairn",
  dependencies: isBoardOnly
    ? []
    : [
      .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
      .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
      .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
      .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    ],
  targets: boardTargets + boardPrograms + benchPrograms
    + (isBoardOnly ? [] : hostTargets + hostTests)
    + (isEmbedded ? [] : simulationTargets + boardTests))
