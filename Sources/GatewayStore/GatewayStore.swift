import CoverageVerifier
import Foundation
import GRDB

/// What a gateway knows, in one SQLite database: device keys, every batch as it came, the receipts that
/// were given, forks, and what went on in closed epochs. Readings are not stored a second time: they are
/// decoded from the signed bytes whenever somebody asks, so that what is shown can't drift from what was
/// verified.
///
/// Invariants:
/// - A row of `batch` is never removed, and its receipt and signed checkpoint never change: the receipt has
///   been given. Its bytes change only to have leaves where they had hashes.
/// - The rows of one (device, epoch) have growing batch numbers and sizes; `start` of each is the size of
///   the one before, or 0.
/// - A transaction is on the disk when it returns (WAL with synchronous=FULL).
public final class GatewayStore: Sendable {
  public enum Failure: Error, Equatable {
    /// The folder or file can't be opened or written.
    case notUsable(String)
    /// Another gateway has the store.
    case inUse
    /// A later version of this program made it.
    case newerVersion
  }

  let database: any DatabaseWriter
  let closedKeys: ClosedKeys
  /// Of chains that answers have looked at.
  let verifiedLinks = VerifiedLinks()
  /// Nil for a store in memory.
  private let lock: StoreLock?

  /// Opens the database at `path`, makes it when there is none, and brings its tables to this version. One
  /// store at a time is open in a folder: what a gateway knows of its store in memory (closed keys, early
  /// batches, the order of its log) nobody else changes meanwhile. SQLite alone lets any number of
  /// processes write in turns.
  public convenience init(path: String) throws(Failure) {
    let lock = try StoreLock(ofStoreAt: path)
    do {
      try self.init(DatabasePool(path: path, configuration: Self.configuration()), lock)
    } catch let failure as Failure {
      throw failure
    } catch let error as DatabaseError {
      throw error.resultCode == .SQLITE_BUSY
        ? .inUse : .notUsable(error.message ?? error.description)
    } catch {
      throw .notUsable("\(error)")
    }
  }

  /// A store that ends with the process: for tests and simulations.
  public static func inMemory() throws -> GatewayStore {
    try GatewayStore(DatabaseQueue(configuration: configuration()), nil)
  }

  private init(_ database: some DatabaseWriter, _ lock: StoreLock?) throws {
    self.lock = lock
    // A receipt that was given stands for a batch that is on the disk; WAL alone syncs only at its
    // checkpoints. GRDB chooses NORMAL when it opens a pool, so this comes after.
    //
    // Pages of the end of many logs stay in memory, 16 MiB of them, and move from the write-ahead log into
    // the file after 16 MiB: by SQLite's own 2 and 4 MiB, each page was read and written over and over.
    try database.writeWithoutTransaction {
      try $0.execute(
        sql: """
          PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;
          """)
    }
    let migrator = Self.migrator()
    guard try !database.read(migrator.hasBeenSuperseded) else { throw Failure.newerVersion }
    try migrator.migrate(database)
    closedKeys = try database.read { try ClosedKeys($0) }
    self.database = database
  }

  private static func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.label = "cairn-gateway"
    // A reader of the file (a backup, a person with a shell) may hold it for a moment.
    configuration.busyMode = .timeout(5)
    // Of a store that is made now: a batch of sixty readings, 2.3 KB, wastes half a page of 4 KiB, and three fill one
    // of 8 KiB. A store that is there keeps its pages.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA page_size = 8192") }
    return configuration
  }

  /// Moves everything into the one file, so that a copy of it is whole, and closes it; a later use fails.
  public func close() throws {
    try database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try database.close()
    lock?.release()
  }
}

extension GatewayStore {
  /// Moves everything into the one file, and says how many bytes it has.
  public func byteCountInOneFile() throws -> Int {
    try database.writeWithoutTransaction { database in
      _ = try database.checkpoint(.truncate)
      let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
      return pages * (try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0)
    }
  }
}
