import Foundation
import LinuxPlatform

extension FileStorage {
  /// Opens it for writing. A process that another test starts has this one's descriptors, and the file's lock with
  /// them, until it is the new program: looks again a bounded number of times.
  public static func openWhenFree(at path: FixedPath) throws(Failure) -> FileStorage {
    for _ in 0..<60_000 {
      do throws(Failure) {
        return try open(at: path, access: .readWrite)
      } catch {
        guard error == .locked else { throw error }
        usleep(1000)
      }
    }
    return try open(at: path, access: .readWrite)
  }
}
