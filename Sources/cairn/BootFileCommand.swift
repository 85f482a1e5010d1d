import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// `cairn boot-file apply FOLDER`: takes FOLDER/cairn.ini over as this node's configuration, if it is fit to be.
///
/// Files beside the site file are replaced one by one, each as a whole, and only when they change. Broken off anywhere,
/// the next run does what is left. On the boot partition nothing is written but what has to be:
///
/// | what | when |
/// |---|---|
/// | cairn-errors.txt | its text is another one; it goes when all is well |
/// | cairn.ini, lines of `[enrolment]` | after they are durable on the data partition |
///
/// A boot partition that is read only ends the run with status 75 where one of these is to be written: it is run
/// again when that is changed.
struct BootFileCommand: ~Copyable {
  private let bootFile: FixedPath
  private let misnamedFile: FixedPath
  private let errorsFile: FixedPath
  private let site: FixedPath
  private let made: FixedPath
  private let edited: FixedPath
  private let enrolment: FixedPath
  private let wiping: FixedPath
  private let hostName: FixedPath
  private let wireless: FixedPath
  private var status = ExitStatus.success
  /// What is said, on standard output and in cairn-errors.txt: 16 problems of 440 bytes at most.
  private var report = TextBuilder<8192>()

  static func run(_ arguments: borrowing Arguments) -> ExitStatus {
    guard let command = BootFileCommand(arguments) else {
      end(.usage, "cairn: the path is longer than 255 bytes")
    }
    return command.apply(arguments.options)
  }

  private init?(_ arguments: borrowing Arguments) {
    guard let boot = FixedPath(arguments.operandText),
      let bootFile = boot.appending(name: "cairn.ini"),
      let misnamedFile = boot.appending(name: "cairn.ini.txt"),
      let errorsFile = boot.appending(name: "cairn-errors.txt"),
      let site = FixedPath(arguments.options.configPath.span),
      let made = site.directory.appending(name: "site.ini.made"),
      let edited = site.directory.appending(name: "site.ini.edited"),
      let enrolment = site.directory.appending(name: "enrolment.ini"),
      let wiping = site.directory.appending(name: "cairn.ini.wiped"),
      let hostName = site.directory.appending(name: "host-name"),
      let wireless = site.directory.appending(name: "wireless.conf")
    else { return nil }
    self.bootFile = bootFile
    self.misnamedFile = misnamedFile
    self.errorsFile = errorsFile
    self.site = site
    self.made = made
    self.edited = edited
    self.enrolment = enrolment
    self.wiping = wiping
    self.hostName = hostName
    self.wireless = wireless
  }

  private consuming func apply(_ options: borrowing ProgramOptions) -> ExitStatus {
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    do throws(FileFailure) {
      var count = try readFile(bootFile, into: &span)
      if finishWiping(span.span.extracting(0..<count)) {
        count = try readFile(bootFile, into: &span)
      }
      takeOver(span.span.extracting(0..<count))
    } catch {
      refuseUnreadable(error)
    }
    tellOfMisnamed()
    if !report.span.isEmpty { conclude() }
    writeErrors()
    return status
  }

  private mutating func refuseUnreadable(_ failure: FileFailure) {
    report.append("cairn.ini: ")
    switch failure {
    case .notFound:
      report.append(
        "there is none on the boot partition; docs/image.md says what may stand in it"
      )
    case .notAFile: report.append("not a file")
    case .tooLong: report.append("larger than 16 KiB: this is no cairn.ini")
    case .pathTooLong, .noSpace: report.append("can't be read")
    case .system(let errno):
      report.append("can't be read, the card may be damaged: ")
      report.append(SystemError(errno: errno))
    }
    report.append("\n")
    status = failure == .notFound ? .unavailable : .configuration
  }

  /// An editor that adds an ending, and a computer that does not show it.
  private mutating func tellOfMisnamed() {
    guard fileExists(misnamedFile) else { return }
    report.append(
      """
      cairn.ini.txt: is not read: the file is called cairn.ini, without .txt. Some computers don't show that ending \
      until they are told to; rename it, or remove it

      """)
  }

  /// What holds now.
  private mutating func conclude() {
    if status == .success {
      // Nothing stands in the way of the file that counts.
    } else if fileExists(site) {
      report.append("The node goes on with the configuration that it had before.\n")
    } else {
      report.append(
        "The node has no configuration yet, and waits for a cairn.ini that it can use.\n")
    }
    switch status {
    case .success: break
    case .storageFailed:
      report.append(
        "It is the node's own storage that fails, as told above; cairn.ini is tried again at each start.\n"
      )
    default:
      report.append(
        "Mend cairn.ini on any computer, put the card back, and switch the node on again.\n")
    }
    do throws(SystemError) { try StandardStream.output.write(report.span) } catch {
      // The file beside cairn.ini says it as well.
    }
  }

  private mutating func takeOver(_ bytes: Span<UInt8>) {
    var saved = InlineArray<1024, UInt8>(repeating: 0)
    var savedSpan = saved.mutableSpan
    var savedCount = 0
    do throws(FileFailure) { savedCount = try readFile(enrolment, into: &savedSpan) } catch {
      guard error == .notFound else {
        note(error, enrolment, "the invite that was taken over can't be read")
        return
      }
    }
    var problems = ProblemList()
    let file = BootFile(
      parsing: bytes, savedEnrolment: savedSpan.span.extracting(0..<savedCount),
      problems: &problems)
    guard problems.isUsable else {
      describe(problems)
      status = .configuration
      return
    }
    guard store(file) else { return }
    wipe(bytes)
  }

  private mutating func describe(_ problems: borrowing ProblemList) {
    for index in 0..<problems.shownCount {
      let problem = problems[index]
      guard problem.severity == .refusal else { continue }
      report.append("cairn.ini")
      if problem.line > 0 {
        report.append(":")
        report.append(UInt64(problem.line))
      }
      report.append(": ")
      report.append(problem.message.span)
      report.append("\n")
    }
    if problems.hiddenCount > 0 {
      report.append("and ")
      report.append(UInt64(problems.hiddenCount))
      report.append(" more\n")
    }
  }

  /// Writes what is taken over to the data partition; false when that failed.
  private mutating func store(_ file: borrowing BootFile) -> Bool {
    var network = TextBuilder<512>()
    if let found = file.wireless {
      // The network's name in hexadecimal: no sign in it means anything.
      network.append("country=")
      network.append(found.country.span)
      network.append("\nnetwork={\n  ssid=")
      network.append(hex: found.name.span)
      network.append("\n  psk=\"")
      network.append(found.passphrase.span)
      network.append("\"\n  key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n  ieee80211w=1\n}\n")
    }
    var ok = file.enrolment.isEmpty || replace(enrolment, file.enrolment, mode: 0o640)
    ok = ok && replace(wireless, network.span, mode: 0o600)
    ok = ok && replace(hostName, file.hostName.span, mode: 0o644)
    // Last: with it the services start.
    return ok && storeSite(file.site)
  }

  /// What was made last is kept beside the site file: only so can one tell what somebody has edited there since.
  ///
  /// | site.ini | cairn.ini says | what follows |
  /// |---|---|---|
  /// | is there, edited or not | what it said last time | nothing: an edit lasts |
  /// | is what was made, or is missing | something else | it is made |
  /// | was edited | something else | the edited one is kept beside it, which is told, and it is made |
  private mutating func storeSite(_ content: Span<UInt8>) -> Bool {
    if fileExists(site), holds(made, content) { return true }
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    var count = 0
    do throws(FileFailure) { count = try readFile(site, into: &span) } catch {
      guard error == .notFound else {
        note(
          error, site, "can't be read, so that what was edited there can't be kept; move it away")
        return false
      }
    }
    let found = span.span.extracting(0..<count)
    if count > 0, !found.equals(content), !holds(made, found) {
      guard replace(edited, found, mode: 0o644) else { return false }
      tellOfEdits()
    }
    return replace(site, content, mode: 0o644) && replace(made, content, mode: 0o644)
  }

  private func tellOfEdits() {
    var text = TextBuilder<768>()
    text.append(untrusted: site.span)
    text.append(
      " was edited on this node, and cairn.ini says something else now: it is made anew of cairn.ini. What stood there is in "
    )
    text.append(untrusted: edited.span)
    text.append("\n")
    do throws(SystemError) { try StandardStream.output.write(text.span) } catch {
      // The file itself is there.
    }
  }

  /// Gives a file that content, when it has another; an empty one goes.
  private mutating func replace(_ path: FixedPath, _ bytes: Span<UInt8>, mode: UInt32) -> Bool {
    if bytes.isEmpty ? !fileExists(path) : holds(path, bytes) { return true }
    do throws(FileFailure) {
      if bytes.isEmpty {
        try removeFileDurably(path)
      } else {
        try atomicReplace(path, with: bytes, mode: mode)
      }
      return true
    } catch {
      note(error, path, "can't be written")
      return false
    }
  }

  private mutating func note(_ failure: FileFailure, _ path: FixedPath, _ what: StaticString) {
    report.append(untrusted: path.span)
    report.append(": ")
    report.append(what)
    switch failure {
    case .noSpace: report.append(": no space left")
    case .system(let errno):
      report.append(": ")
      report.append(SystemError(errno: errno))
    case .notAFile: report.append(": it is not a file")
    case .tooLong: report.append(": it is longer than any that this program writes")
    case .notFound, .pathTooLong: break
    }
    report.append("\n")
    status = .storageFailed
  }

  private func holds(_ path: FixedPath, _ bytes: Span<UInt8>) -> Bool {
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    do throws(FileFailure) {
      let count = try readFile(path, into: &span)
      return span.span.extracting(0..<count).equals(bytes)
    } catch { return false }
  }
}

/// What is written on the boot partition.
extension BootFileCommand {
  /// An invite is durable elsewhere now: its lines are written over. First the whole new content is kept beside the
  /// site file, so that a write that is broken off can be finished.
  private mutating func wipe(_ bytes: Span<UInt8>) {
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    guard BootFile.wipe(bytes, into: &span) else { return }
    let wiped = span.span.extracting(0..<bytes.count)
    guard replace(wiping, wiped, mode: 0o600) else { return }
    overwrite(wiped)
  }

  private mutating func overwrite(_ wiped: Span<UInt8>) {
    do throws(FileFailure) {
      try overwriteFile(bootFile, with: wiped)
      try removeFileDurably(wiping)
    } catch { refuseWrite(error, bootFile) }
  }

  /// Finishes a wiping that was broken off; false when there is none, or the file is another one by now.
  private mutating func finishWiping(_ bytes: Span<UInt8>) -> Bool {
    guard fileExists(wiping) else { return false }
    var buffer = InlineArray<16384, UInt8>(repeating: 0)
    var span = buffer.mutableSpan
    var count = 0
    do throws(FileFailure) { count = try readFile(wiping, into: &span) } catch {
      note(error, wiping, "can't be read")
      return false
    }
    let wiped = span.span.extracting(0..<count)
    guard BootFile.isBeingWiped(bytes, to: wiped), !isAnother(bytes, than: wiped) else {
      do throws(FileFailure) { try removeFileDurably(wiping) } catch {
        note(error, wiping, "can't be removed")
      }
      return false
    }
    overwrite(wiped)
    return true
  }

  /// True for a file that somebody put there after the wiping was begun, with another invite of the same length: no
  /// line of it was wiped, and its invite is not the one that was taken over.
  private func isAnother(_ bytes: Span<UInt8>, than wiped: Span<UInt8>) -> Bool {
    guard BootFile.isUntouched(bytes, by: wiped) else { return false }
    var saved = InlineArray<1024, UInt8>(repeating: 0)
    var savedSpan = saved.mutableSpan
    do throws(FileFailure) {
      let savedCount = try readFile(enrolment, into: &savedSpan)
      let known = savedSpan.span.extracting(0..<savedCount)
      var problems = ProblemList()
      let file = BootFile(parsing: bytes, savedEnrolment: known, problems: &problems)
      return !problems.isUsable || !file.enrolment.equals(known)
    } catch { return true }
  }

  private mutating func writeErrors() {
    do throws(FileFailure) {
      if report.span.isEmpty {
        if fileExists(errorsFile) { try removeFileDurably(errorsFile) }
      } else if !holds(errorsFile, report.span) {
        try atomicReplace(errorsFile, with: report.span, mode: 0o644)
      }
    } catch { refuseWrite(error, errorsFile) }
  }

  private mutating func refuseWrite(_ failure: FileFailure, _ path: FixedPath) {
    if case .system(errno: EROFS) = failure {
      status = .readOnly
      return
    }
    note(failure, path, "can't be written")
    do throws(SystemError) { try StandardStream.output.write(report.span) } catch {
      // The status says it.
    }
  }
}
