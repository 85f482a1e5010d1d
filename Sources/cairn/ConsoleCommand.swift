import CLinux
import FixedMemory
import LinuxPlatform
import NodeFiles
import Signers

/// `cairn console`: a session on this terminal or on the line that --tty names; or the passphrase for it.
enum ConsoleCommand {
  static func run(_ arguments: borrowing Arguments) -> ExitStatus {
    if arguments.isJSON { end(.usage, "cairn: `cairn console` is for people: it takes no --json") }
    if arguments.hasOperand {
      guard arguments.operandText.equals("passphrase") else {
        end(.usage, "cairn: `cairn console` takes one word at most: passphrase")
      }
      guard !arguments.has(.tty), !arguments.has(.baud) else {
        end(.usage, "cairn: --tty and --baud are not for `cairn console passphrase`")
      }
      return ConsolePassphrase.set(arguments)
    }
    guard !arguments.has(.passphraseFile) else {
      end(.usage, "cairn: --passphrase-file is for `cairn console passphrase`")
    }
    let paths = nodePaths(arguments)
    attach(arguments)
    let begun = cairn_session_begin()
    guard begun >= 0 else {
      endForLine(arguments, "this terminal can't be used: ", 0 &- begun)
    }
    let isTerminal = begun == 1
    if isTerminal { ConsoleTerminal.learnSize() }
    var output = Output(Console())
    var session = ConsoleSession(paths, isTerminal: isTerminal, output.console)
    session.run(arguments, &output)
    output.flush()
    session.close()
    cairn_session_end()
    // Whoever has gone, or sends no bytes any more, is how a session ends.
    return .success
  }

  private static func attach(_ arguments: borrowing Arguments) {
    guard arguments.has(.tty) else {
      guard !arguments.has(.baud) else {
        end(.usage, "cairn: --baud sets the speed of the line that --tty names")
      }
      return
    }
    guard let path = FixedPath(arguments.value(of: .tty)) else {
      end(.usage, "cairn: --tty is longer than 255 bytes")
    }
    var baud: UInt32 = 115_200
    if arguments.has(.baud) {
      guard let number = decimal(arguments.value(of: .baud)).flatMap({ UInt32(exactly: $0) }),
        TerminalSerialPort.BaudRate(rawValue: number) != nil
      else {
        end(
          .usage,
          """
          cairn: --baud is one of 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600
          """)
      }
      baud = number
    }
    // The path's own bytes have no NUL behind them.
    var text = InlineArray<256, UInt8>(repeating: 0)
    for index in 0..<path.byteCount { text[index] = path.span[index] }
    let result = unsafe text.span.withUnsafeBufferPointer {
      unsafe cairn_session_attach($0.baseAddress, baud)
    }
    if result < 0 { endForLine(arguments, "can't be used: ", 0 &- result) }
  }

  private static func endForLine(
    _ arguments: borrowing Arguments, _ what: StaticString, _ errno: Int32
  ) -> Never {
    var text = TextBuilder<512>()
    text.append("cairn: ")
    if arguments.has(.tty) {
      text.append(untrusted: arguments.value(of: .tty))
      text.append(": ")
    }
    text.append(what)
    if errno == EBUSY {
      text.append("another console has this line")
    } else {
      text.append(SystemError(errno: errno))
    }
    end(errno == ENOENT || errno == ENOTDIR ? .usage : .refused, text.span)
  }
}
