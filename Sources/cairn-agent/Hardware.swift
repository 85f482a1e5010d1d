import FixedMemory
import LinuxPlatform
import NodeConfiguration
import Signers

/// The serial numbers that the kernel shows of this board and card, from the files of the board profile.
func hardwareIdentity(_ board: borrowing BoardProfile) -> HardwareIdentity {
  var boardText = FixedText<64>()
  var cardText = FixedText<64>()
  readSerialNumber(board.serialFile, into: &boardText)
  readSerialNumber(board.cardFile, into: &cardText)
  return HardwareIdentity(board: boardText.span, card: cardText.span)
}

/// Leaves the text empty when there is no such file: not every board has a serial number, or a card.
private func readSerialNumber(_ path: PathText, into text: inout FixedText<64>) {
  var bytes = InlineArray<65, UInt8>(repeating: 0)
  var span = bytes.mutableSpan
  guard let fixedPath = FixedPath(path.span) else { return }
  do throws(FileFailure) {
    let count = try readFile(fixedPath, into: &span)
    text.write(span.span.extracting(0..<min(count, 64)))
  } catch {}
}

/// What is different, for the operator.
func tellOtherHardware(
  _ finding: HardwareIdentity.Finding, expected: HardwareIdentity, found: HardwareIdentity
) {
  var text = TextBuilder<512>()
  let isBoard = finding == .otherBoard
  text.append("cairn-agent: this key signs on ")
  text.append(isBoard ? "board " : "card ")
  text.append(isBoard ? expected.board.span : expected.card.span)
  text.append(", and here is ")
  let number = isBoard ? found.board : found.card
  if number.isEmpty { text.append("one without a serial number") } else { text.append(number.span) }
  text.append(
    ": nothing is signed. Two boards with one key fork its log. When the other one is off for good: "
  )
  text.append("cairn key adopt\n")
  // Without a reader of standard error, `cairn status` still tells.
  do throws(SystemError) { try StandardStream.error.write(text) } catch {}
}
