import ArgumentParser

/// What can be done with the gateway's key.
struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Show the gateway's key, back it up, restore it, change it.",
    subcommands: [
      KeyShow.self,
      KeyBackup.self,
      KeyRestore.self,
      KeyRotate.self,
    ])
}

/// The folder that all of them take.
struct KeyFolderOption: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the store and the key.", valueName: "folder"))
  var data: String

  var keyPath: String { data + "/gateway.key" }
}
