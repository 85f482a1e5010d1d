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

  static var radioWatch: StaticString {
    """
    cairn radio watch [--seconds N] [--json]

      The last eight frames that the agent's radio has heard, and then each one
      that comes, with what the radio told of it. Ends with ^C, or after --seconds.

      Exit status 0, or 69 when no agent answers.

    """
  }

  static var radioTest: StaticString {
    """
    cairn radio test CHANNEL [--factor N] [--json]

      Has the agent send one test frame of 8 bytes on a channel of the region's
      plan, the first being 0, with SF9 unless told otherwise. It goes by the same
      rules and the same hour's airtime as beacons, and only where the site has
      `transmit = yes`. For root and the agent's own user.

      Exit status 0 when the radio has it, 69 when no agent answers, 77 when it is
      not sent, with the reason.

    """
  }

  static var radioNoise: StaticString {
    """
    cairn radio noise [--json]

      The power in each channel of the region's plan while nothing is received, as
      the agent's radio has measured it: the last time and how long ago that was,
      median, lowest and highest of the last five times. High figures tell of a
      noisy place, or of something beside the antenna. AT modules and packet
      forwarders do not tell it.

      Exit status 0, also where the radio can't tell; 69 when no agent answers, 77
      when it is of another version.

    """
  }
}
