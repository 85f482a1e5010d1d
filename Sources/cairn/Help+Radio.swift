/// Help of the commands about radios.
extension Help {
  static var radioShow: StaticString {
    """
    cairn radio show DEVICE [--baud SPEED] [--json]

      Which LoRa module is on a serial line, by its own answer: RAK3172, RN2483,
      RN2903, LoRa-E5 or LA66; its firmware; what it can do. Without --baud the
      speeds that they are sold with are tried. The agent must not have the line.

      Exit status 0 when one answered, 69 when none did, 77 when the line can't be
      used.

    """
  }

  static var radioListen: StaticString {
    """
    cairn radio listen DEVICE [--frequency HERTZ] [--factor N] [--seconds N]
                       [--baud SPEED] [--json]

      Shows each LoRa frame that the module hears on one channel: 868100000 Hz and
      SF10 unless told otherwise, 125 kHz, sync word 0x34. Ends with ^C, or after
      --seconds. Nothing is sent: only the agent knows what may be.

      Exit status as of `cairn radio show`.

    """
  }
}
