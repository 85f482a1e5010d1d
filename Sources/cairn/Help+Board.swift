/// Help of the commands about boards.
extension Help {
  static var boardShow: StaticString {
    """
    cairn board show [--board FILE] [--config FILE] [--json]

      The board's profile: buses, serial lines, GPIO lines by their chip's label,
      wirings of radio hats, LED and button; and how the profile was found: named,
      as board.ini beside the site file, or by which string of the device tree.

      Exit status 0; 69 when no profile is this machine's, 78 when it can't be used.

    """
  }

  static var boardCheck: StaticString {
    """
    cairn board check [--board FILE] [--config FILE] [--json]

      Compares the profile with this machine, line by line: is it this machine's
      device tree, are device files there and may this user open them, does the
      kernel write its console to a serial line, has a GPIO chip that label and
      that line, and who holds it. Nothing is opened or taken that the agent uses:
      it may run. Run it as the agent's user for what the agent may do:

        sudo -u cairn-agent cairn board check

      Exit status 0 when all is well, 1 when something is wrong that no sensor
      needs or that could not be looked at, 69 when what a sensor needs is missing,
      78 when the profile is another board's.

    """
  }
}
