extension Help {
  static var console: StaticString {
    """
    cairn console [--tty DEVICE [--baud SPEED]]
    cairn console passphrase [--passphrase-file FILE]

      Pages by commands, on a serial port, in an ssh session or in any terminal:
      status, sensors, radios, log, delivery, clock, board, errors, key. `help`
      there lists them. --tty takes that line for itself and sets it up (115200 8N1
      unless --baud says otherwise); without it, the console is where it is started.

      Reading is open. What changes state is not before `unlock` and a passphrase,
      which `cairn console passphrase` sets: asked for twice, or the one line of
      standard input or of a file. Its Argon2id hash stands in console.pass beside
      the site file. Unlocked is five minutes without a key, or up to `lock`; wrong
      passphrases make whoever tries wait, 1 s, 2 s, 4 s, up to 5 minutes, in every
      session. Each unlocking and each refusal is an event in the signed log.

      Exit status 0 when the person or the line has gone, 2 for a line that is not
      there, 77 for one that can't be used.

    """
  }
}
