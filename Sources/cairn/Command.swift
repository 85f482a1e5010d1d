import FixedMemory
import NodeConfiguration

/// What the tool can be asked for. One or two words name it.
enum Command: UInt8 {
  case status, keyShow, keyAdopt, logList, logShow, logExport, verify, configCheck
  case configShow, enrol
  case doctor

  case keyBackup, keyRestore
  case ownerNew, ownerShow, ownerInvite, ownerMove, ownerSucceed, ownerRevoke
  case boardShow, boardCheck

  case console
  case radioShow, radioListen, radioWatch, radioTest, radioNoise

  case bootFileApply

  static var count: Int { 28 }

  /// The word behind "cairn".
  var firstWord: StaticString {
    switch self {
    case .status: "status"
    case .keyShow, .keyAdopt, .keyBackup, .keyRestore: "key"
    case .logList, .logShow, .logExport: "log"
    case .verify: "verify"
    case .configCheck: "config"
    case .configShow: "config"
    case .enrol: "enrol"
    case .doctor: "doctor"
    case .console: "console"
    case .ownerNew, .ownerShow, .ownerInvite, .ownerMove, .ownerSucceed, .ownerRevoke: "owner"
    case .boardShow, .boardCheck: "board"
    case .bootFileApply: "boot-file"
    case .radioShow, .radioListen, .radioWatch, .radioTest, .radioNoise: "radio"
    }
  }

  /// The word after that, where there is one.
  var secondWord: StaticString? {
    switch self {
    case .status, .verify, .doctor, .console: nil
    case .keyShow, .logShow, .ownerShow: "show"
    case .keyAdopt: "adopt"
    case .logList: "list"
    case .logExport: "export"
    case .configCheck: "check"
    case .configShow: "show"
    case .enrol: nil
    case .keyBackup: "backup"
    case .keyRestore: "restore"
    case .ownerNew: "new"
    case .ownerInvite: "invite"
    case .ownerMove: "move"
    case .ownerSucceed: "succeed"
    case .ownerRevoke: "revoke"
    case .boardShow: "show"
    case .boardCheck: "check"
    case .bootFileApply: "apply"
    case .radioShow: "show"
    case .radioListen: "listen"
    case .radioWatch: "watch"
    case .radioTest: "test"
    case .radioNoise: "noise"
    }
  }

  /// What may stand behind the words, as help and refusals show it.
  var operand: StaticString? {
    switch self {
    case .logShow, .logExport: "EPOCH/BATCH"
    case .configShow, .enrol, .doctor: nil
    case .console: "passphrase"
    case .verify, .keyRestore: "FILE"
    case .ownerNew, .ownerShow, .ownerInvite, .ownerMove, .ownerSucceed, .ownerRevoke: "OWNER-FILE"
    case .status, .keyShow, .keyAdopt, .keyBackup, .logList, .configCheck: nil
    case .boardShow, .boardCheck: nil
    case .bootFileApply: "FOLDER"
    case .radioShow, .radioListen: "DEVICE"
    case .radioWatch, .radioNoise: nil
    case .radioTest: "CHANNEL"
    }
  }

  var needsOperand: Bool {
    switch self {
    case .configShow, .enrol, .doctor, .console: false
    case .logShow, .verify, .keyRestore, .ownerNew, .ownerShow, .ownerInvite, .ownerMove,
      .ownerSucceed, .ownerRevoke:
      true
    case .bootFileApply: true
    case .status, .keyShow, .keyAdopt, .keyBackup, .logList, .logExport, .configCheck: false
    case .boardShow, .boardCheck: false
    case .radioShow, .radioListen, .radioTest: true
    case .radioWatch, .radioNoise: false
    }
  }

  func takes(_ option: Option) -> Bool {
    switch option {
    case .json: self != .bootFileApply
    case .tty: self == .console
    case .baud: self == .console || self == .radioShow || self == .radioListen
    case .frequency: self == .radioListen
    case .factor: self == .radioListen || self == .radioTest
    case .seconds: self == .radioListen || self == .radioWatch
    case .last: self == .logList
    case .from: self == .verify
    case .to: self == .logExport || self == .enrol || self == .keyBackup || signsForOwner
    case .key: self == .verify || self == .ownerRevoke
    case .leaf, .batch: self == .verify
    case .qr: self == .keyShow || self == .ownerShow || self == .status
    case .passphraseFile:
      self == .keyBackup || self == .keyRestore || self == .ownerNew || self == .ownerShow
        || signsForOwner || self == .console
    case .gateway, .expires, .often: self == .ownerInvite || self == .ownerMove
    case .node: signsForOwner && self != .ownerInvite
    case .old, .new: self == .ownerSucceed
    case .reason: self == .ownerRevoke
    }
  }

  /// It looks at the node's private key, so that --key-address may say where that is.
  var meetsKey: Bool {
    switch self {
    case .keyBackup, .keyRestore, .doctor: true
    case .status, .keyShow, .keyAdopt, .logList, .logShow, .logExport, .verify, .configCheck,
      .configShow, .enrol, .ownerNew, .ownerShow, .ownerInvite, .ownerMove, .ownerSucceed,
      .ownerRevoke, .boardShow, .boardCheck, .console, .bootFileApply, .radioShow, .radioListen,
      .radioWatch, .radioTest, .radioNoise:
      false
    }
  }

  private var signsForOwner: Bool {
    switch self {
    case .ownerInvite, .ownerMove, .ownerSucceed, .ownerRevoke: true
    case .status, .keyShow, .keyAdopt, .keyBackup, .keyRestore, .logList, .logShow, .logExport,
      .verify, .configCheck, .configShow, .enrol, .doctor, .ownerNew, .ownerShow, .boardShow,
      .boardCheck, .console, .bootFileApply, .radioShow, .radioListen,
      .radioWatch, .radioTest, .radioNoise:
      false
    }
  }

  /// Options of the tool's own; --config, --board, --state and --run every program has.
  enum Option: UInt8 {
    case json, last, to, key, leaf, batch
    case from

    case qr, passphraseFile, gateway, expires, often, node, old, new, reason
    case tty, baud
    case frequency, factor, seconds

    static var count: Int { 21 }

    var text: StaticString {
      switch self {
      case .json: "--json"
      case .last: "--last"
      case .to: "--to"
      case .key: "--key"
      case .leaf: "--leaf"
      case .batch: "--batch"
      case .from: "--from"
      case .qr: "--qr"
      case .passphraseFile: "--passphrase-file"
      case .gateway: "--gateway"
      case .expires: "--expires"
      case .often: "--often"
      case .node: "--node"
      case .old: "--old"
      case .new: "--new"
      case .reason: "--reason"
      case .tty: "--tty"
      case .baud: "--baud"
      case .frequency: "--frequency"
      case .factor: "--factor"
      case .seconds: "--seconds"
      }
    }

    /// What its value is called; nil when it has none.
    var valueName: StaticString? {
      switch self {
      case .json, .qr, .often: nil
      case .last: "a number from 1 to 4294967295"
      case .from: "a file with an older head or checkpoint"
      case .to: "a folder or a file"
      case .key: "a key: a file, hexadecimal digits, or a did:key"
      case .leaf: "a file with one leaf"
      case .batch: "a batch's file"
      case .passphraseFile: "a file that only you can read"
      case .gateway, .old, .new: "a key: a file, hexadecimal digits, or a did:key"
      case .expires: "a time from now such as 7d, or a UTC date"
      case .node: "a node's id, 64 hexadecimal digits"
      case .tty: "a terminal's device, such as /dev/ttyS0"
      case .baud: "a speed from 4800 to 921600, such as 115200"
      case .frequency: "a channel's centre in hertz, such as 868100000"
      case .factor: "a spreading factor from 5 to 12"
      case .seconds: "a number of seconds from 1 to 86400"
      case .reason: "lost, retired, compromised or unsaid"
      }
    }

    static func find(_ word: Span<UInt8>) -> Option? {
      for raw in 0..<count {
        if let option = Option(rawValue: UInt8(raw)), word.equals(option.text) { return option }
      }
      return nil
    }
  }

  /// The command of one word or two; nil when there is none.
  static func find(_ first: Span<UInt8>, _ second: Span<UInt8> = Span()) -> Command? {
    for raw in 0..<count {
      guard let command = Command(rawValue: UInt8(raw)), first.equals(command.firstWord) else {
        continue
      }
      guard let word = command.secondWord else { return command }
      if second.equals(word) { return command }
    }
    return nil
  }

  /// True when commands begin with that word.
  static func isFirstWord(_ word: Span<UInt8>) -> Bool {
    for raw in 0..<count {
      if let command = Command(rawValue: UInt8(raw)), word.equals(command.firstWord) { return true }
    }
    return false
  }

  /// The first word that is nearest to a mistyped one.
  static func nearestFirstWord(_ word: Span<UInt8>) -> StaticString? {
    var nearest = NearestWord()
    for raw in 0..<count {
      if let command = Command(rawValue: UInt8(raw)) {
        nearest.consider(command.firstWord, for: word)
      }
    }
    nearest.consider("help", for: word)
    return nearest.word
  }

  /// The second word of the commands that begin with `first` which is nearest to a mistyped one.
  static func nearestSecondWord(_ first: Span<UInt8>, _ word: Span<UInt8>) -> StaticString? {
    var nearest = NearestWord()
    for raw in 0..<count {
      guard let command = Command(rawValue: UInt8(raw)), first.equals(command.firstWord),
        let second = command.secondWord
      else { continue }
      nearest.consider(second, for: word)
    }
    return nearest.word
  }
}
