import AgentMessages
import CBOR
import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Signers

/// Unlocking: passphrase, rate limit, and the agent's word that it has heard of it.
///
///     1  is there a passphrase at all?
///     2  is somebody waiting out wrong ones?    counted in one file for all sessions
///     3  asked for, without echo
///     4  counted as wrong, durably, before it is looked at: a power cut can't undo an attempt
///     5  Argon2id
///     6  right: the agent is told, and without its word nothing is unlocked
struct ConsoleLock {
  enum Outcome { case unlocked, locked, ended }

  /// How long somebody may take to type it.
  private static var typingMilliseconds: Int64 { 60_000 }

  private let paths: NodePaths
  private let terminal: FixedText<32>

  init(_ paths: NodePaths, _ terminal: FixedText<32>) {
    self.paths = paths
    self.terminal = terminal
  }

  mutating func open(isTerminal: Bool, _ output: inout Output) -> Outcome {
    guard let hash = ConsolePassphrase.read(paths, &output) else { return .locked }
    // A folder that is there already is as good; one that can't be made is told of below.
    _ = paths.consoleFolder.makeFolder()
    guard let attempts = attempts(&output) else { return .locked }
    let left = attempts.leftMilliseconds(now: cairn_clock_boot())
    if left > 0 {
      tellWait(attempts.failureCount, left, &output)
      guard ConsoleTerminal.pause(milliseconds: left) else { return .ended }
    }
    do throws(Passphrase.Failure) {
      let passphrase = try ask(isTerminal: isTerminal, &output)
      return judge(passphrase, hash, &output)
    } catch {
      switch error {
      case .interrupted, .noAnswer:
        say("Nothing was typed, and nothing is unlocked.", &output)
        return .locked
      // It can't be the right one, and is counted as any other.
      case .tooShort, .tooLong, .notOneLine: return judge(&output)
      default:
        say(error.explanation, &output)
        return .locked
      }
    }
  }

  private func ask(isTerminal: Bool, _ output: inout Output) throws(Passphrase.Failure)
    -> Passphrase
  {
    // Before the question: an answer to it may come at once.
    cairn_session_discard()
    if isTerminal { output.write("Passphrase: ") }
    output.flush()
    defer {
      if isTerminal { ConsoleTerminal.write("\n") }
    }
    return try unsafe Passphrase { bytes, count in
      unsafe cairn_session_read_line(
        bytes, Int64(count), Int32(CAIRN_SESSION_ANY_TEXT), Self.typingMilliseconds)
    }
  }

  /// Counts the attempt as a wrong one before it is looked at. Nil when it can't be counted, or has to wait.
  private func count(_ output: inout Output) -> ConsoleAttempts? {
    guard var attempts = attempts(&output) else { return nil }
    let now = cairn_clock_boot()
    // Another session has failed meanwhile.
    let left = attempts.leftMilliseconds(now: now)
    guard left == 0 else {
      tellWait(attempts.failureCount, left, &output)
      return nil
    }
    attempts.failureCount = min(attempts.failureCount, 1 << 32) + 1
    attempts.untoldCount = min(attempts.untoldCount, 1 << 32) + 1
    attempts.lastMilliseconds = now
    return keep(attempts, &output) ? attempts : nil
  }

  /// What was typed can't be right.
  private func judge(_ output: inout Output) -> Outcome {
    guard let lock = lock(&output) else { return .locked }
    guard var attempts = count(&output) else { return .locked }
    let outcome = refuse(&attempts, &output)
    lock.release()
    return outcome == .ended ? .ended : wait(attempts)
  }

  private func judge(
    _ passphrase: borrowing Passphrase, _ hash: PassphraseHash, _ output: inout Output
  ) -> Outcome {
    guard let lock = lock(&output) else { return .locked }
    guard var attempts = count(&output) else { return .locked }
    guard hash.matches(passphrase) else {
      let outcome = refuse(&attempts, &output)
      lock.release()
      return outcome == .ended ? .ended : wait(attempts)
    }
    attempts.failureCount = 0
    attempts.untoldCount -= 1
    // Those before it first: the log tells them in their order.
    tellRefused(&attempts)
    let outcome = accept(&output)
    _ = keep(attempts, &output)
    lock.release()
    return outcome
  }

  private func accept(_ output: inout Output) -> Outcome {
    switch ConsoleQuestion.tell(.unlocked, terminal, count: 1, at: paths.agentSocket) {
    case .told:
      say(
        "Unlocked for five minutes without a line, or until `lock`. The log says so.", &output)
      return .unlocked
    case .counted:
      say(
        "Unlocked for five minutes without a line, or until `lock`. The log will say so.", &output)
      return .unlocked
    case .denied:
      say(
        """
        The passphrase is right, and nothing is unlocked: the agent does not take this user's \
        word. It takes that of root, of its own user and of cairn-console.
        """, &output)
      return .locked
    case .silent(let reason):
      var text = RowText()
      text.append(
        "The passphrase is right, and nothing is unlocked: the agent has to write it down, and ")
      text.append(reason.explanation)
      text.append(".")
      output.paragraph(text.span, indentation: 0)
      output.newLine()
      return .locked
    }
  }

  private func refuse(_ attempts: inout ConsoleAttempts, _ output: inout Output) -> Outcome {
    tellRefused(&attempts)
    _ = keep(attempts, &output)
    output.write("Wrong passphrase", .bad)
    if attempts.failureCount > 1 {
      output.write(", ")
      output.write(attempts.failureCount)
      output.write(" in a row")
    }
    output.write(". The next one counts in ")
    output.write(duration: ConsoleAttempts.waitMilliseconds(after: attempts.failureCount))
    output.write("; ^C goes back.")
    output.newLine()
    output.flush()
    return output.isGone ? .ended : .locked
  }

  /// Nothing that is typed meanwhile is heard, ^C excepted.
  private func wait(_ attempts: ConsoleAttempts) -> Outcome {
    let left = attempts.leftMilliseconds(now: cairn_clock_boot())
    return ConsoleTerminal.pause(milliseconds: left) ? .locked : .ended
  }

  /// What the agent can't hear now it hears with the next attempt.
  private func tellRefused(_ attempts: inout ConsoleAttempts) {
    guard attempts.untoldCount > 0 else { return }
    let count = UInt16(clamping: attempts.untoldCount)
    switch ConsoleQuestion.tell(.refused, terminal, count: count, at: paths.agentSocket) {
    case .told, .counted: attempts.untoldCount = 0
    case .denied, .silent: break
    }
  }

  private func tellWait(_ count: UInt64, _ left: Int64, _ output: inout Output) {
    output.write(count, "wrong passphrase", "wrong passphrases")
    output.write(count == 1 ? " before: wait " : " in a row: wait ")
    // Rounded up: a second too early is another refusal.
    output.write(duration: (left + 999) / 1000 * 1000)
    output.write(". ^C goes back.")
    output.newLine()
    output.flush()
  }

  private func lock(_ output: inout Output) -> FolderLock? {
    do throws(FolderLock.Failure) { return try FolderLock(of: paths.consoleFolder) } catch {
      switch error {
      case .locked: say("Another session is trying a passphrase just now.", &output)
      case .notFound, .system: tellFolder(&output)
      }
      return nil
    }
  }

  private func attempts(_ output: inout Output) -> ConsoleAttempts? {
    do throws(FileFailure) {
      return try ConsoleAttempts(reading: paths.consoleAttempts, now: cairn_clock_boot())
    } catch {
      tellFolder(&output)
      return nil
    }
  }

  private func keep(_ attempts: ConsoleAttempts, _ output: inout Output) -> Bool {
    do throws(FileFailure) {
      try attempts.write(paths.consoleAttempts)
      return true
    } catch {
      tellFolder(&output)
      return false
    }
  }

  private func tellFolder(_ output: inout Output) {
    var text = RowText()
    text.append("Nothing can be unlocked: wrong passphrases are counted in ")
    text.append(untrusted: paths.consoleFolder.span)
    text.append(", and this user may not write there, or there is no room.")
    output.paragraph(text.span, indentation: 0)
    output.newLine()
  }

  private func say(_ words: StaticString, _ output: inout Output) {
    output.paragraph(words, indentation: 0)
    output.newLine()
  }
}
