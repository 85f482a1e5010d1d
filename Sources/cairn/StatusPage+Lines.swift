import AgentMessages
import FixedMemory
import NodeConfiguration

/// GPIO lines that have no leaf in the log to tell that they fail: contacts, button and LED.
extension StatusPage {
  /// A row only where something fails: `cairn board check` has all lines.
  static func writeLines(_ report: borrowing NodeReport, _ output: inout Output) {
    guard let failing = report.live?.failingLines, !failing.isEmpty else { return }
    output.row("lines")
    output.emphasise(.warning)
    var text = RowText()
    var isFirst = true
    for number in 0..<UInt16(16) where failing.rawValue & 1 << number != 0 {
      if !isFirst { text.append(", ") }
      isFirst = false
      append(FailingLines(rawValue: 1 << number), report.site, &text)
    }
    text.append(" can't be had: the agent's journal says why, and it tries again every 10\u{1f}s")
    output.paragraph(text.span, indentation: Output.indentation)
    output.plain()
    output.newLine()
  }

  /// One line, by the name that the site file gives it.
  static func append(
    _ line: FailingLines, _ site: borrowing SiteNames, _ text: inout RowText
  ) {
    if line == .button { return text.append("the button") }
    if line == .led { return text.append("the LED") }
    for index in site.contacts.indices where line == .contact(index) {
      text.append("contact ")
      text.append(untrusted: site.contacts[index].span)
      return
    }
    text.append("a line that this version does not know")
  }
}

extension Output {
  /// `failingLines`: names of contacts, "button", "led".
  mutating func failingLines(_ failing: FailingLines, _ site: borrowing SiteNames) {
    beginArray("failingLines")
    for number in 0..<UInt16(16) where failing.rawValue & 1 << number != 0 {
      let line = FailingLines(rawValue: 1 << number)
      var name = FixedText<40>()
      if line == .button {
        name.write("button")
      } else if line == .led {
        name.write("led")
      } else {
        name.write("contact")
        for index in site.contacts.indices where line == .contact(index) {
          name.write(" ")
          name.write(site.contacts[index].span)
        }
      }
      element(text: name.span)
    }
    endArray()
  }
}
