extension DemoVerdict {
  /// A beacon as its gateway judges it: where it was to be, who heard it, and what each word of them is worth. `name`
  /// gives the board of a key.
  public func lines(_ name: (String) -> String?) -> [DemoLine] {
    let sender = name(key) ?? "another node"
    var title = DemoLine("━━ beacon \(number) of \(sender)", .strong)
    title.append(" ━━ ", .quiet)
    if let derived {
      title.append(
        "slot \(derived.slot), \(DemoFigures.megahertz(derived.frequencyHertz)), "
          + "SF\(derived.spreadingFactor), "
          + "\(DemoFigures.decibels(derived.powerCentidecibelMilliwatts)) dBm")
      title.append(" ━━ ", .quiet)
    }
    if isSimulated {
      title.append("simulated", .plain)
      title.append(" ", .quiet)
    }
    title.append(
      String(repeating: "━", count: max(0, DemoLine.columnLimit - 4 - title.columnCount)), .quiet)
    var lines = [DemoLine(), title]
    lines += witnesses.map { row($0, name) }
    for listener in silentListeners {
      var line = DemoLine(label: name(listener) ?? "another", .plain)
      line.append("listened there, and has not heard it", .quiet)
      lines.append(line)
    }
    return lines + verdict
  }

  private func row(_ witness: Witness, _ name: (String) -> String?) -> DemoLine {
    var line = DemoLine(label: name(witness.key) ?? "another", .plain)
    let distance = witness.distanceMetres.map { DemoFigures.kilometres($0) } ?? ""
    line.append(DemoAirFrame.column(distance, 8))
    if let rssi = witness.rssiCentidecibelMilliwatts {
      line.append("  RSSI \(DemoAirFrame.column(DemoFigures.decibels(rssi), 6)) dBm")
    }
    if let snr = witness.snrCentidecibels {
      line.append("  SNR \(DemoAirFrame.column(DemoFigures.decibels(snr), 4)) dB")
    }
    if let free = witness.freeSpaceCentidecibelMilliwatts {
      line.append("  free space \(DemoAirFrame.column(DemoFigures.decibels(free), 6))", .quiet)
    }
    line.pad(to: 75)
    if witness.counts {
      line.append("✔ counts", .good)
      if witness.weightPermille != 1_000 {
        line.append(", weight \(Self.weight(witness.weightPermille))", .quiet)
      }
    } else {
      line.append("✘ \(witness.reason ?? "does not count")", .warning)
    }
    return line
  }

  /// Thousandths as a decimal: "0.25".
  static func weight(_ permille: Int64) -> String {
    var digits = String(permille % 1_000 + 1_000).dropFirst()
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    return "\(permille / 1_000).\(digits)"
  }

  private var verdict: [DemoLine] {
    let counted = witnesses.count(where: \.counts)
    let witnesses = counted == 1 ? "1 witness" : "\(counted) witnesses"
    switch outcome {
    case "sound":
      return DemoLine.wrapped(
        label: "verdict",
        "✔ sound: \(checkCount) checks, \(counted == 0 ? "no witness" : witnesses)", .good)
    case "refused":
      return DemoLine.wrapped(
        label: "verdict",
        "✘ refused: \(reason ?? "no reason given")"
          + (failedCheck.map { " (not so: \($0))" } ?? ""),
        .bad)
    default:
      return DemoLine.wrapped(
        label: "verdict", "… \(outcome)" + (reason.map { ": \($0)" } ?? ""), .warning)
    }
  }

  /// For a program.
  public func members(_ name: (String) -> String?) -> [DemoJSON.Member] {
    func figure(_ value: Int64?) -> DemoJSON { value.map { .number("\($0)") } ?? .null }
    func text(_ value: String?) -> DemoJSON { value.map { .text($0) } ?? .null }
    return [
      .init("id", .text(id)), .init("node", text(name(key))), .init("number", .number("\(number)")),
      .init("outcome", .text(outcome)), .init("reason", text(reason)),
      .init("simulated", .boolean(isSimulated)),
      .init(
        "witnesses",
        .array(
          witnesses.map { witness in
            .object([
              .init("node", text(name(witness.key))), .init("counts", .boolean(witness.counts)),
              .init("reason", text(witness.reason)),
              .init("weightPermille", figure(witness.weightPermille)),
              .init("metres", figure(witness.distanceMetres)),
              .init("rssiCentidBm", figure(witness.rssiCentidecibelMilliwatts)),
              .init("snrCentidB", figure(witness.snrCentidecibels)),
            ])
          })),
      .init("silent", .array(silentListeners.map { text(name($0)) })),
    ]
  }
}
