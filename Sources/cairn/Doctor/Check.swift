import FixedMemory

/// What `cairn doctor` looks at. Identifiers are stable: programs and docs/doctor.md know them.
enum Check: UInt8 {
  case siteFile, boardProfile, deviceTree
  case agent, agentVersion, agentLog, agentService, uplink, uplinkService
  case busDevice, busLines, sensor, busOthers
  case boardPart
  case clockTime, clockNTP, clockRTC, clockGNSS
  case keyFile, keyAccess, keyContent, keyHardware
  case diskSpace, diskInodes, diskMount, diskOptions, diskErrors, diskWear, spoolFill
  case uplinkVersion, networkName, networkConnect, networkTLS, networkGateway, networkKey
  case networkTime
  case users, agentFolder, uplinkFolder, runFolder, agentSocket, udevRules, ownGroups
  case finding
  case keyAddress
  case networkLogin, networkSubscription
  case consoleService, consolePassphrase
  case radio, radioRegion, radioSending, radioClock, radioAirtime

  static var count: Int { 54 }

  enum Group: UInt8 {
    case configuration, programs, buses, lines, clock, key, disk, network, permissions, problems
    case radio

    var name: StaticString {
      switch self {
      case .configuration: "configuration"
      case .programs: "programs"
      case .buses: "buses"
      case .lines: "lines"
      case .clock: "clock"
      case .key: "key"
      case .disk: "disk"
      case .network: "network"
      case .permissions: "permissions"
      case .problems: "problems"
      case .radio: "radio"
      }
    }
  }

  var group: Group {
    switch self {
    case .siteFile, .boardProfile, .deviceTree: .configuration
    case .agent, .agentVersion, .agentLog, .agentService, .uplink, .uplinkService,
      .consoleService, .consolePassphrase:
      .programs
    case .busDevice, .busLines, .sensor, .busOthers: .buses
    case .boardPart: .lines
    case .clockTime, .clockNTP, .clockRTC, .clockGNSS: .clock
    case .keyAddress, .keyFile, .keyAccess, .keyContent, .keyHardware: .key
    case .diskSpace, .diskInodes, .diskMount, .diskOptions, .diskErrors, .diskWear, .spoolFill:
      .disk
    case .uplinkVersion, .networkName, .networkConnect, .networkTLS, .networkGateway, .networkKey,
      .networkTime, .networkLogin, .networkSubscription:
      .network
    case .users, .agentFolder, .uplinkFolder, .runFolder, .agentSocket, .udevRules, .ownGroups:
      .permissions
    case .finding: .problems
    case .radio, .radioRegion, .radioSending, .radioClock, .radioAirtime: .radio
    }
  }

  var identifier: StaticString {
    switch self {
    case .siteFile: "config.site"
    case .boardProfile: "config.board"
    case .deviceTree: "config.device-tree"
    case .agent: "agent.running"
    case .agentVersion: "agent.version"
    case .agentLog: "agent.log"
    case .agentService: "agent.service"
    case .uplink: "uplink.running"
    case .uplinkVersion: "uplink.version"
    case .uplinkService: "uplink.service"
    case .busDevice: "bus.device"
    case .busLines: "bus.lines"
    case .sensor: "sensor.chip"
    case .busOthers: "bus.others"
    case .boardPart: "board.part"
    case .clockTime: "clock.time"
    case .clockNTP: "clock.ntp"
    case .clockRTC: "clock.rtc"
    case .clockGNSS: "clock.gnss"
    case .keyFile: "key.file"
    case .keyAccess: "key.access"
    case .keyContent: "key.content"
    case .keyHardware: "key.hardware"
    case .diskSpace: "disk.space"
    case .diskInodes: "disk.inodes"
    case .diskMount: "disk.mount"
    case .diskOptions: "disk.options"
    case .diskErrors: "disk.errors"
    case .diskWear: "disk.wear"
    case .spoolFill: "disk.spool"
    case .networkName: "network.name"
    case .networkConnect: "network.connect"
    case .networkTLS: "network.tls"
    case .networkGateway: "network.gateway"
    case .networkKey: "network.key"
    case .networkTime: "network.time"
    case .users: "users"
    case .agentFolder: "folder.agent"
    case .uplinkFolder: "folder.uplink"
    case .runFolder: "folder.run"
    case .agentSocket: "socket.agent"
    case .udevRules: "udev.rules"
    case .ownGroups: "user.groups"
    case .finding: "problem"
    case .keyAddress: "key.address"
    case .networkLogin: "network.login"
    case .networkSubscription: "network.subscription"
    case .consoleService: "console.service"
    case .consolePassphrase: "console.passphrase"
    case .radio: "radio.device"
    case .radioRegion: "radio.region"
    case .radioSending: "radio.sending"
    case .radioClock: "radio.clock"
    case .radioAirtime: "radio.airtime"
    }
  }

  /// For people.
  var title: StaticString {
    switch self {
    case .siteFile: "site file"
    case .boardProfile: "board profile"
    case .deviceTree: "device tree"
    case .agent: "agent"
    case .agentVersion: "agent's version"
    case .agentLog: "log grows"
    case .agentService: "agent's service"
    case .uplink: "uplink"
    case .uplinkVersion: "uplink's version"
    case .uplinkService: "uplink's service"
    case .busDevice: "bus"
    case .busLines: "lines of"
    case .sensor: "sensor"
    case .busOthers: "others on"
    case .boardPart: ""
    case .clockTime: "time"
    case .clockNTP: "kept by NTP"
    case .clockRTC: "battery clock"
    case .clockGNSS: "GNSS receiver"
    case .keyFile: "key file"
    case .keyAccess: "who can read it"
    case .keyContent: "content"
    case .keyHardware: "hardware"
    case .diskSpace: "free space"
    case .diskInodes: "free inodes"
    case .diskMount: "writable"
    case .diskOptions: "mount options"
    case .diskErrors: "errors"
    case .diskWear: "card's wear"
    case .spoolFill: "spool"
    case .networkName: "name"
    case .networkConnect: "connection"
    case .networkTLS: "TLS"
    case .networkGateway: "gateway"
    case .networkKey: "gateway's key"
    case .networkTime: "gateway's time"
    case .users: "users"
    case .agentFolder: "agent's folder"
    case .uplinkFolder: "uplink's folder"
    case .runFolder: "run folder"
    case .agentSocket: "agent's socket"
    case .udevRules: "udev rules"
    case .ownGroups: "this user"
    case .finding: ""
    case .keyAddress: "address"
    case .networkLogin: "broker's login"
    case .networkSubscription: "answers"
    case .consoleService: "console"
    case .consolePassphrase: "its passphrase"
    case .radio: "radio"
    case .radioRegion: "region"
    case .radioSending: "beacons"
    case .radioClock: "clock for beacons"
    case .radioAirtime: "airtime"
    }
  }

  /// The check of that name; nil for other words.
  static func find(_ identifier: Span<UInt8>) -> Check? {
    for raw in 0..<count {
      if let check = Check(rawValue: UInt8(raw)), identifier.equals(check.identifier) {
        return check
      }
    }
    return nil
  }
}
