import CLinux
import Foundation
import Proofs
import Signers

/// The files of a gateway's key, and what they have to do with its log (docs/gateway.md, "Another key").
///
///     gateway.key        the key that signs
///     gateway.key.next   a key that is being introduced: there before the log speaks of it
///     gateway.pub        32 bytes, of gateway.key
///
/// A change goes: gateway.key.next is durable; last head and change are in the log, in one transaction;
/// gateway.key.next is renamed to gateway.key. The log decides which of the files is the key.
public struct GatewayKeyFiles: Sendable {
  public enum Failure: Error, Equatable {
    /// A key file can't be read or written.
    case file(name: String, FileKey.Failure)
    /// The log ends with a key of which there is no file.
    case missing(expected: PublicKey)
    /// gateway.key is another key than the log ends with. A former key of the log is one.
    case notTheNewest(found: PublicKey, expected: PublicKey, isFormer: Bool)
    /// The file can't be renamed: an error number of the system.
    case notRenamed(errno: Int32)
  }

  /// What the files are to be taken for.
  public enum Decision: Equatable, Sendable {
    /// gateway.key signs.
    case use
    /// The change is in the log, and the file is not yet renamed: it is now.
    case finish
    /// A gateway that has signed nothing yet: a key is made.
    case make
    case refuse(Failure)
  }

  /// A key, and whether opening it has ended a change that was interrupted.
  public struct Opened: ~Copyable {
    public var key: FileKey
    public let hasFinishedChange: Bool

    public consuming func taken() -> FileKey { key }
  }

  static let keyName = "gateway.key"
  static let nextName = "gateway.key.next"
  static let publicName = "gateway.pub"

  private let folder: String

  public init(folder: String) { self.folder = folder }

  /// `current` and `next` are the keys in the two files, nil where there is none.
  public static func decision(
    current: PublicKey?, next: PublicKey?, chain: OwnKeyChain?
  ) -> Decision {
    guard let chain else { return current == nil ? .make : .use }
    if current == chain.newestKey { return .use }
    if next == chain.newestKey { return .finish }
    guard let current else { return .refuse(.missing(expected: chain.newestKey)) }
    return .refuse(
      .notTheNewest(
        found: current, expected: chain.newestKey,
        isFormer: chain.has(keyWithHash: current.hash)))
  }

  /// Opens the key that the log of `chain` ends with; a gateway without a log gets a key. Ends a change that
  /// was interrupted, and writes gateway.pub.
  public func open(_ chain: OwnKeyChain?) throws(Failure) -> sending Opened {
    // A next file that can't be read matters only where the key depends on it.
    let current = try publicKey(Self.keyName)
    let isNewest = current != nil && (chain == nil || current == chain?.newestKey)
    let next = isNewest ? nil : try publicKey(Self.nextName)
    let decision = Self.decision(current: current, next: next, chain: chain)
    switch decision {
    case .use, .make: break
    case .finish: try finishChange()
    case .refuse(let failure): throw failure
    }
    let key = decision == .make ? try made(Self.keyName) : try opened(Self.keyName)
    do throws(FileKey.Failure) {
      try key.writePublicKey(to: path(Self.publicName).span)
    } catch { throw .file(name: Self.publicName, error) }
    return Opened(key: key, hasFinishedChange: decision == .finish)
  }

  /// The key that is to be introduced, in a file that is durable when this returns: the one that an earlier
  /// attempt has made, else a new one. A file that is `current` itself gives way to a new key.
  public func nextKey(after current: PublicKey) throws(Failure) -> PublicKey {
    if let found = try publicKey(Self.nextName), found != current { return found }
    return try made(Self.nextName).publicKey
  }

  /// Renames gateway.key.next to gateway.key, durably. To be called when the log has the change.
  public func finishChange() throws(Failure) {
    let result = cairn_file_rename(
      path(Self.nextName) + [0], path(Self.keyName) + [0])
    guard result == 0 else { throw .notRenamed(errno: -result) }
    let descriptor = cairn_file_open(
      Array(folder.utf8) + [0], CInt(CAIRN_OPEN_READ | CAIRN_OPEN_DIRECTORY), 0)
    guard descriptor >= 0 else { throw .notRenamed(errno: -descriptor) }
    let synced = cairn_file_sync(descriptor)
    _ = cairn_file_close(descriptor)  // It was opened for reading: there is nothing to lose.
    guard synced == 0 else { throw .notRenamed(errno: -synced) }
  }

  private func path(_ name: String) -> [UInt8] { Array((folder + "/" + name).utf8) }

  private func publicKey(_ name: String) throws(Failure) -> PublicKey? {
    do throws(FileKey.Failure) {
      return try FileKey(opening: path(name).span).publicKey
    } catch {
      if error == .missing { return nil }
      throw .file(name: name, error)
    }
  }

  private func opened(_ name: String) throws(Failure) -> sending FileKey {
    do throws(FileKey.Failure) {
      return try FileKey(opening: path(name).span)
    } catch { throw .file(name: name, error) }
  }

  private func made(_ name: String) throws(Failure) -> sending FileKey {
    do throws(FileKey.Failure) {
      return try FileKey(creatingAt: path(name).span)
    } catch { throw .file(name: name, error) }
  }
}
