import Foundation
import Signers

extension OperatorError {
  /// A key file that can't be used: what is wrong with it, and what to do.
  static func keyFile(_ path: String, _ failure: FileKey.Failure) -> OperatorError {
    OperatorError(.data, "\(path): \(words(failure))")
  }

  private static func words(_ failure: FileKey.Failure) -> String {
    switch failure {
    case .missing: "no key: a gateway makes it at its first start"
    case .readableByOthers(let mode, let owner) where mode & 0o077 == 0:
      "belongs to user \(owner), and this runs as user \(geteuid()): run it as the gateway's user "
        + "(sudo -u), or give that user the file (chown)"
    case .readableByOthers(let mode, let owner):
      "others may know this key: its mode is \(String(mode & 0o7777, radix: 8)) and its owner user "
        + "\(owner), and nobody but the gateway's user may read it. When nobody has: chmod 600; else "
        + "change the key"
    case .notAFile: "is not a file of its own: a link, folder, pipe or device"
    case .malformed:
      "not a key file, or damaged; it was left as it is. Move it away, and take a backup (key restore)"
    case .unsupportedVersion: "a key file of a later version: use that cairn-gateway"
    case .pathTooLong: "the path is too long, or has a zero byte"
    case .noRandomness: "the kernel gives no random bytes"
    case .noFolder: "its folder is not there"
    case .noSecureMemory: "no locked memory left for the key: raise RLIMIT_MEMLOCK (ulimit -l)"
    case .system(let errno): String(cString: strerror(errno))
    }
  }
}
