import ArgumentParser

/// Receives signed batches, verifies and keeps them, and answers with signed receipts.
@main
struct Program: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cairn-gateway",
    abstract: "Receives signed batches, verifies and keeps them, and answers with receipts.",
    version: "cairn-gateway 0.1.0",
    subcommands: [
      Serve.self, CoverageCommand.self, Revoke.self, KeyCommand.self, Export.self, Verify.self,
      Measure.self, MeasureCoverage.self,
    ],
    defaultSubcommand: Serve.self)
}
