import ArgumentParser
import Foundation

/// How the program ends, for whoever starts it (docs/gateway.md, "Exit status"; sysexits(3)).
enum ExitStatus: Int32 {
  /// Something in this program failed that nobody expected.
  case software = 70
  /// The address can't be listened on.
  case unavailable = 69
  /// The data folder, the store or the key can't be used.
  case data = 73
  /// A file of an archive can't be read or written.
  case storage = 74
  /// A later version of this program made the store.
  case newerStore = 65
  /// The configuration file or a flag is wrong.
  case configuration = 78
}

/// What the operator has to mend: said on standard error, with the exit status beside it.
struct OperatorError: Error {
  let status: ExitStatus
  let message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// Says it and gives the error that ends the program.
  func told() -> ExitCode {
    FileHandle.standardError.write(Data("cairn-gateway: \(message)\n".utf8))
    return ExitCode(status.rawValue)
  }
}
