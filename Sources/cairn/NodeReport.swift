import AgentMessages
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Records

/// What the site file says that helps to understand a node: names that people gave. Empty when the
/// file can't be used, which is no reason to show nothing.
struct SiteNames {
  var isUsable = false
  var problemCount = 0
  var nodeName = Name()
  var hasReceiver = false
  var canVerifyReceipts = false
  var gatewayURL = URLText()
  /// Gateways listen at a broker.
  var isBroker = false
  var gatewayKey: PublicKey?
  var monthlyBudget: UInt64?
  var hasAuthorization = false
  var hasPlace = false
  /// Of the private key; empty when the file names none.
  var keyFile = PathText()
  /// Sensor n + 1 of the log is the n-th of the file.
  var sensors = FixedArray<16, SensorName>(filler: SensorName())

  /// Contact n of the agent is the n-th of the file.
  var contacts = FixedArray<4, Name>(filler: Name())

  /// The program that delivers to such an address.
  var uplinkName: StaticString { isBroker ? "cairn-uplink-mqtt" : "cairn-uplink-https" }

  struct SensorName {
    var name = Name()
    var bus = Name()
  }

  init(_ options: borrowing ProgramOptions) {
    var problems = ProblemList()
    let files = NodeConfigurationFiles.load(
      options: options, requiresBoard: false, problems: &problems)
    problemCount = problems.refusalCount
    guard let files else { return }
    isUsable = true
    nodeName = files.site.nodeName
    hasReceiver = files.site.gnss != nil
    canVerifyReceipts = files.site.canVerifyReceipts
    gatewayURL = files.site.gateway.url
    isBroker = files.site.gateway.isBroker
    if let key = files.site.gateway.publicKey { gatewayKey = PublicKey(ed25519: key) }
    monthlyBudget = files.site.delivery.monthlyBudgetByteCount.map { UInt64($0) }
    hasAuthorization = files.site.enrolment != nil
    hasPlace = files.site.place != nil
    keyFile = files.site.keyFile
    for index in files.site.contacts.indices { contacts.append(files.site.contacts[index].name) }
    for index in files.site.sensors.indices {
      let sensor = files.site.sensors[index]
      sensors.append(SensorName(name: sensor.name, bus: sensor.bus))
    }
  }
}

/// All that `cairn status` shows, gathered before the first line is written.
struct NodeReport: ~Copyable {
  let paths: NodePaths
  var publicKey: PublicKey?
  var keyProblem: KeyProblem?
  let agent: AgentAnswer
  var spool = SpoolReport()
  var spoolProblem: SpoolProblem?
  let cursor: CursorAnswer
  let notice: NoticeAnswer
  let budget: BudgetReport?
  let identity: IdentityReport
  let gateway: GatewayReport
  let site: SiteNames
  /// The kernel's clocks when all this was gathered.
  let bootMilliseconds = SystemClock().bootMilliseconds()
  let wallMilliseconds = SystemClock().utcMilliseconds()

  init(_ arguments: borrowing Arguments) {
    self.init(nodePaths(arguments), arguments.options)
  }

  init(_ paths: NodePaths, _ options: borrowing ProgramOptions) {
    self.paths = paths
    do throws(KeyProblem) { publicKey = try readPublicKey(paths.publicKey) } catch {
      keyProblem = error
    }
    agent = AgentAnswer.ask(at: paths.agentSocket)
    do throws(SpoolProblem) { spool = try SpoolReport(reading: paths) } catch {
      spoolProblem = error
    }
    cursor = CursorAnswer.read(paths.cursor)
    notice = NoticeAnswer.read(paths.deliveryNotice)
    identity = IdentityReport(reading: paths, of: publicKey)
    site = SiteNames(options)
    budget = BudgetReport(reading: paths.budget, limit: site.monthlyBudget)
    gateway = GatewayReport(reading: paths, configured: site.gatewayKey)
  }

  /// The agent's word on itself; nil when it gives none.
  var live: AgentStatus? {
    guard case .status(let status) = agent else { return nil }
    return status
  }

  /// Nothing at all of a node is here.
  var isEmpty: Bool { publicKey == nil && spoolProblem != nil && live == nil }

  /// True or false when somebody says so: log and agent may not agree after a change of profile.
  var isSimulated: Bool? {
    if let live { return live.isSimulated }
    return spool.last?.checkpoint.isSimulated
  }

  /// Milliseconds from a time of the log to now; nil when the agent does not run, or in another
  /// boot.
  func age(of milliseconds: Int64) -> Int64? {
    guard let live, live.boot == spool.survey.boot ?? spool.last?.checkpoint.boot else {
      return nil
    }
    return max(0, live.uptimeMilliseconds - milliseconds)
  }

  /// The name that the site file gives a sensor, when it speaks of the same bus.
  func name(of sensor: SensorRecord) -> Name? {
    let index = Int(sensor.schema) - 1
    guard index >= 0, index < site.sensors.count else { return nil }
    let configured = site.sensors[index]
    guard !sensor.hasSchema || sensor.bus.span.equals(configured.bus.span) else { return nil }
    return configured.name
  }

  /// UTC now by the log's own clock, with its uncertainty: that of the last clock leaf, and what a board's
  /// crystal may have drifted since (100 ppm, as the agent counts it). Nil without a clock leaf in this
  /// boot, or while the agent does not run.
  var now: (utcMilliseconds: Int64, uncertaintyMilliseconds: UInt64)? {
    let survey = spool.survey
    guard let clock = survey.clock, let age = age(of: survey.clockMilliseconds) else { return nil }
    let (utc, overflows) = clock.utcMilliseconds.addingReportingOverflow(age)
    let (sum, overflowsToo) = clock.uncertaintyMilliseconds.addingReportingOverflow(
      UInt64(age) / 10_000)
    return overflows || overflowsToo ? nil : (utc, sum)
  }

  /// How long ago a time of UTC was: by the log's clock, else by this machine's. Nil when it lies ahead.
  func age(ofUTC milliseconds: Int64) -> Int64? {
    let (age, overflows) = (now?.utcMilliseconds ?? wallMilliseconds)
      .subtractingReportingOverflow(milliseconds)
    return overflows || age < 0 ? nil : age
  }
}
