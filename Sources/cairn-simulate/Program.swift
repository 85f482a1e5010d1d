import ArgumentParser

@main
struct Program: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn-simulate",
    abstract: "Hardware without hardware: chip models, weather, faults, receivers, radios.",
    subcommands: [RunCommand.self, BoardCommand.self, GNSSCommand.self, AirCommand.self])
}
