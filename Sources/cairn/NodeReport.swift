import AgentMessages
import Delivery
import DeviceLog
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles
import Proofs
import Spool

/// The log as its spool has it.
struct SpoolReport {
  var geometry: SpoolGeometry?
  var releasedThrough: UInt64 = 0
  var deliveredThrough: UInt64 = 0
  /// The oldest and the newest sealed batch.
  var oldest: LogBatch?
  var last: LogBatch?
  /// The oldest batch that no verified receipt covers.
  var firstUndelivered: LogBatch?
  /// Leaves that are durable and not sealed yet.
  var openLeafCount: UInt64 = 0
  /// Bytes of the segments that hold what is not delivered.
  var undeliveredByteCount: UInt64 = 0
  /// How often something could not be read.
  var lossCount = 0
  /// The survey begins after the boot, because the boot is long.
  var isExcerpt = false
  var survey = Survey()

  /// Batches that no verified receipt covers; nil when they lie in several epochs.
  var undeliveredBatchCount: UInt64? {
    guard let firstUndelivered, let last else { return 0 }
    guard firstUndelivered.checkpoint.epoch == last.checkpoint.epoch else { return nil }
    return last.checkpoint.batch - firstUndelivered.checkpoint.batch + 1
  }
}

extension SpoolReport {
  /// So many entries are read in order; of a longer boot its beginning and its end. A minute of a
  /// node's life is about eight entries, so that this is the last two hours: a second's work for
  /// the smallest board.
  static var maximumEntryCount: UInt64 { 1024 }
  /// Batches at a boot's beginning that are searched for schemas.
  static var maximumFirstBatchCount: Int { 16 }

  /// `limit`: a boot of more entries is shown by its beginning and its end.
  init(
    reading paths: NodePaths, limit: UInt64 = SpoolReport.maximumEntryCount
  ) throws(SpoolProblem) {
    var walk = try LogWalk(paths)
    geometry = walk.reader.geometry
    releasedThrough = walk.reader.releasedThrough
    deliveredThrough = walk.reader.deliveredThrough
    guard releasedThrough > 0 else { return }
    try walk.seek(toSequence: 1)
    oldest = try walk.next()
    guard let last = try walk.findLast() else {
      takeOpenLeaves(walk)
      return
    }
    self.last = last
    try survey(&walk, last, limit)
    let delivered = deliveredThrough
    firstUndelivered = try walk.find { $0.sequence <= delivered }
    lossCount = walk.lossCount
    undeliveredByteCount = Self.undeliveredByteCount(paths, after: delivered)
  }

  /// What the leaves of the last boot say.
  private mutating func survey(
    _ walk: inout LogWalk, _ last: LogBatch, _ limit: UInt64
  ) throws(SpoolProblem) {
    let boot = last.checkpoint.boot
    guard let first = try walk.find({ $0.checkpoint.boot < boot }) else { return }
    survey.take(items: walk.reader.items)
    if last.sequence - first.sequence > limit {
      isExcerpt = true
      for _ in 1..<Self.maximumFirstBatchCount {
        guard try walk.next() != nil else { break }
        survey.take(items: walk.reader.items)
      }
      try walk.seek(toSequence: last.sequence - limit)
    }
    while try walk.next() != nil { survey.take(items: walk.reader.items) }
    takeOpenLeaves(walk)
  }

  /// Behind the last checkpoint the reader has gathered what is durable and not sealed.
  private mutating func takeOpenLeaves(_ walk: borrowing LogWalk) {
    let before = survey.leafCount
    let isNewBoot = survey.boot
    survey.take(items: walk.reader.items)
    openLeafCount =
      survey.boot == isNewBoot && survey.leafCount >= before
      ? survey.leafCount - before : survey.leafCount
  }

  /// From the segment in which something is not delivered, to the end. 0 when the segments can't be
  /// read.
  private static func undeliveredByteCount(_ paths: NodePaths, after delivered: UInt64) -> UInt64 {
    do throws(FileStorage.Failure) {
      let storage = try FileStorage.open(at: paths.spool, access: .readOnly)
      do throws(SpoolFailure) {
        var reader = try SpoolReader(opening: storage)
        guard delivered < reader.releasedThrough else { return 0 }
        try reader.seek(toSequence: delivered + 1)
        guard let first = reader.currentSegment else { return 0 }
        try reader.seek(toSequence: reader.releasedThrough + 1)
        guard let last = reader.currentSegment, last.number >= first.number else { return 0 }
        return (last.number - first.number + 1) * UInt64(reader.geometry.segmentByteCount)
      } catch { return 0 }
    } catch { return 0 }
  }
}

/// How far delivery has come, as the uplink remembers it.
enum CursorAnswer {
  case cursor(CursorRecord)
  /// The uplink has never run here.
  case missing
  case unreadable(FileFailure)
  case broken(DeliveryCursor.Failure)

  static func read(_ path: FixedPath) -> CursorAnswer {
    // One byte more than a cursor has would do.
    var bytes = InlineArray<1024, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    let count: Int
    do throws(FileFailure) { count = try readFile(path, into: &span) } catch {
      return error == .notFound ? .missing : .unreadable(error)
    }
    do throws(DeliveryCursor.Failure) {
      return .cursor(CursorRecord(try DeliveryCursor(decoding: span.span.extracting(0..<count))))
    } catch { return .broken(error) }
  }
}

/// What a cursor says, apart from where the uplink reads on.
struct CursorRecord {
  let keyHash: Digest
  let next: BatchPosition
  let isReceiptUnanswered: Bool
  /// Nil before the first one. The agent has verified it when it is answered; here nobody has.
  let receipt: Receipt?

  init(_ cursor: borrowing DeliveryCursor) {
    keyHash = cursor.keyHash
    next = cursor.next
    isReceiptUnanswered = cursor.isReceiptUnanswered
    receipt = Receipt.read(cursor.receiptBytes)
  }
}

/// What the site file says that helps to understand a node: names that people gave. Empty when the
/// file can't be used, which is no reason to show nothing.
struct SiteNames {
  var isUsable = false
  var problemCount = 0
  var nodeName = Name()
  var hasReceiver = false
  var canVerifyReceipts = false
  /// Sensor n + 1 of the log is the n-th of the file.
  var sensors = FixedArray<16, SensorName>(filler: SensorName())

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
  let site: SiteNames

  init(_ arguments: borrowing Arguments) {
    paths = nodePaths(arguments)
    do throws(KeyProblem) { publicKey = try readPublicKey(paths.publicKey) } catch {
      keyProblem = error
    }
    agent = AgentAnswer.ask(at: paths.agentSocket)
    do throws(SpoolProblem) { spool = try SpoolReport(reading: paths) } catch {
      spoolProblem = error
    }
    cursor = CursorAnswer.read(paths.cursor)
    site = SiteNames(arguments.options)
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
}
