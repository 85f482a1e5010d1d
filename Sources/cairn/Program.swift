import CLinux
import FixedMemory
import LinuxPlatform
import NodeConfiguration
import NodeFiles

/// What `--version` gives.
var toolVersion: StaticString { "0.1.0" }

@main
struct Program {
  static func main() {
    do throws(SystemError) { try ignoreBrokenPipes() } catch { end(.refused, "cairn: no signals") }
    let arguments = Arguments()
    var output = Output(Console())
    if arguments.wantsVersion {
      output.write("cairn ")
      output.write(toolVersion)
      output.newLine()
      output.finish(.success)
    }
    guard !arguments.wantsHelp, let command = arguments.command else {
      output.write(Help.text(of: arguments.command))
      output.finish(.success)
    }
    let status: ExitStatus
    switch command {
    case .status: status = StatusCommand.run(arguments, &output)
    case .keyShow: status = KeyCommand.show(arguments, &output)
    case .keyAdopt: status = KeyAdoptCommand.run(arguments, &output)
    case .logList: status = LogListCommand.run(arguments, &output)
    case .logShow: status = LogShowCommand.run(arguments, &output)
    case .logExport: status = LogExportCommand.run(arguments, &output)
    case .verify: status = VerifyCommand.run(arguments, &output)
    case .configCheck: status = ConfigCommand.check(arguments, &output)
    case .doctor: status = DoctorCommand.run(arguments)
    case .configShow: status = ConfigShowCommand.run(arguments, &output)
    case .console: status = ConsoleCommand.run(arguments)
    case .enrol: status = EnrolCommand.run(arguments, &output)
    case .keyBackup: status = KeyBackupCommand.backup(arguments, &output)
    case .keyRestore: status = KeyRestoreCommand.run(arguments, &output)
    case .ownerNew: status = OwnerCommand.new(arguments, &output)
    case .ownerShow: status = OwnerCommand.show(arguments, &output)
    case .ownerInvite: status = OwnerDocumentCommand.invite(arguments, isMove: false, &output)
    case .ownerMove: status = OwnerDocumentCommand.invite(arguments, isMove: true, &output)
    case .ownerSucceed: status = OwnerDocumentCommand.succeed(arguments, &output)
    case .ownerRevoke: status = OwnerDocumentCommand.revoke(arguments, &output)
    case .boardShow: status = BoardCommand.show(arguments, &output)
    case .boardCheck: status = BoardCommand.check(arguments, &output)
    case .bootFileApply: status = BootFileCommand.run(arguments)
    case .radioShow: status = RadioCommand.show(arguments, &output)
    case .radioListen: status = RadioCommand.listen(arguments, &output)
    case .radioWatch: status = AgentRadioCommand.watch(arguments, &output)
    case .radioTest: status = AgentRadioCommand.test(arguments, &output)
    case .radioNoise: status = NoiseCommand.show(arguments, &output)
    }
    output.finish(status)
  }
}
