import FixedMemory
import LinuxPlatform
import NodeConfiguration

/// The files of one node:
///
///     STATE/agent/agent.key     the private key, mode 0600; or where its address says   agent
///     STATE/agent/device.pub    the public key, 32 bytes              agent writes, all read
///     STATE/agent/enrolment.cose  what this node is and where      agent writes, uplink reads
///     STATE/agent/spool         the log, preallocated                 agent writes, uplink reads
///     STATE/agent/agent.chain   what its beacons are drawn from, mode 0600; beside the key   agent
///     STATE/agent/airtime.cbor  what its radio sent within the hour   agent
///     STATE/agent/gateway-keys.cbor  the gateway's keys, proved     agent writes, uplink reads
///     STATE/uplink/cursor       how far delivery has come             uplink
///     STATE/uplink/budget.cbor            bytes of this month, where they are counted     uplink
///     STATE/uplink/enrolment-answer.cbor      what the gateway said of the enrolment   uplink
///     STATE/uplink/gateway-head.cose          the gateway's newest head                uplink
///     STATE/uplink/gateway-contradiction.cbor  two of its heads that can't both be true  uplink
///     STATE/console/attempts  wrong passphrases at the console    console
///     CONFIG/console.pass  the console's passphrase, as its hash  root; beside the site file
///     RUN/agent.sock            the agent's socket
///     RUN/forwarder.sock        what a concentrator hears             cairn-forwarder
///     RUN/delivery.cbor         what holds delivery up, and until when   uplink
public struct NodePaths {
  /// What the agent keeps, and what whoever changes something of it locks.
  public let agentFolder: FixedPath
  public let key: FixedPath
  /// The key has its place by the site file or the command line.
  public let isKeyNamed: Bool
  public let publicKey: FixedPath
  public let enrolment: FixedPath
  public let spool: FixedPath
  public let gatewayKeys: FixedPath
  public let chain: FixedPath
  public let airtime: FixedPath
  public let uplinkFolder: FixedPath
  public let consoleFolder: FixedPath
  public let consoleAttempts: FixedPath
  public let consolePassphrase: FixedPath
  public let cursor: FixedPath
  public let budget: FixedPath
  public let enrolmentAnswer: FixedPath
  public let gatewayHead: FixedPath
  public let gatewayContradiction: FixedPath
  public let agentSocket: FixedPath
  public let forwarderSocket: FixedPath
  public let deliveryNotice: FixedPath

  /// Nil when a folder's name leaves no room for its files'.
  ///
  /// - `keyFile`: of the site file; empty when it names none. The command line's wins.
  public init?(options: borrowing ProgramOptions, keyFile: PathText = PathText()) {
    let named = options.keyFile.isEmpty ? keyFile : options.keyFile
    guard let state = FixedPath(options.stateFolder.span),
      let run = FixedPath(options.runFolder.span),
      let agent = state.appending(name: "agent"), let uplink = state.appending(name: "uplink"),
      let key = named.isEmpty ? agent.appending(name: "agent.key") : FixedPath(named.span),
      let publicKey = agent.appending(name: "device.pub"),
      let enrolment = agent.appending(name: "enrolment.cose"),
      let spool = agent.appending(name: "spool"), let cursor = uplink.appending(name: "cursor"),
      let gatewayKeys = agent.appending(name: "gateway-keys.cbor"),
      let chain = key.directory.appending(name: "agent.chain"),
      let airtime = agent.appending(name: "airtime.cbor"),
      let budget = uplink.appending(name: "budget.cbor"),
      let enrolmentAnswer = uplink.appending(name: "enrolment-answer.cbor"),
      let gatewayHead = uplink.appending(name: "gateway-head.cose"),
      let gatewayContradiction = uplink.appending(name: "gateway-contradiction.cbor"),
      let socket = run.appending(name: "agent.sock"),
      let forwarderSocket = run.appending(name: "forwarder.sock"),
      let deliveryNotice = run.appending(name: "delivery.cbor")
    else { return nil }
    guard let site = FixedPath(options.configPath.span),
      let passphrase = site.directory.appending(name: "console.pass"),
      let console = state.appending(name: "console"),
      let attempts = console.appending(name: "attempts")
    else { return nil }
    consoleFolder = console
    consoleAttempts = attempts
    consolePassphrase = passphrase
    self.key = key
    isKeyNamed = !named.isEmpty
    agentFolder = agent
    self.publicKey = publicKey
    self.enrolment = enrolment
    self.spool = spool
    self.gatewayKeys = gatewayKeys
    self.chain = chain
    self.airtime = airtime
    self.uplinkFolder = uplink
    self.enrolmentAnswer = enrolmentAnswer
    self.gatewayHead = gatewayHead
    self.gatewayContradiction = gatewayContradiction
    self.cursor = cursor
    self.budget = budget
    self.agentSocket = socket
    self.forwarderSocket = forwarderSocket
    self.deliveryNotice = deliveryNotice
  }

  /// The key's address is that of another file of the agent, which one of the two would overwrite.
  public var isKeyAnothersPlace: Bool {
    let others: InlineArray<6, FixedPath> = [
      publicKey, enrolment, spool, gatewayKeys, chain, airtime,
    ]
    for index in others.indices where others[index].span.equals(key.span) { return true }
    return false
  }

  /// The folder of a key that is not with the rest: two agents with one key would each sign with it.
  public var otherKeyFolder: FixedPath? {
    key.directory.span.equals(agentFolder.span) ? nil : key.directory
  }
}
