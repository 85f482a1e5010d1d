/// Help of the commands that meet a private key.
extension Help {
  static var keyBackup: StaticString {
    """
    cairn key backup --to FILE [--key-address file:/PATH]
                 [--passphrase-file FILE] [--json]

      The node's private key, with its epoch and the hardware that it is bound to, in
      a text file that only a passphrase opens. Run it as root or as the agent's
      user; the agent may run. The log is not in it.

      The passphrase has 8 to 256 bytes and is asked for twice on the terminal, or is
      the one line of a file that nobody else can read. FILE must not be there yet.

    """
  }

  static var keyRestore: StaticString {
    """
    cairn key restore FILE [--key-address file:/PATH]
                  [--passphrase-file FILE] [--json]

      Makes the node's key of a backup: STATE/agent/agent.key, or where [key] address
      of the site file or --key-address says (file:/PATH). The agent must not run there. A file
      of another key is never overwritten; of the same key only the epoch is raised.
      Run as root, it gives the file to the folder's owner.

      An agent with a key and no spool asks its gateway where the log stands, and
      begins a new epoch. On other hardware it waits for `cairn key adopt`.

    """
  }

  static var ownerNew: StaticString {
    """
    cairn owner new OWNER-FILE [--passphrase-file FILE] [--json]

      Makes the key of whoever owns nodes, in a text file that only its passphrase
      opens. It belongs on a desk and never on a board. OWNER-FILE must not be there
      yet. The passphrase has 8 to 256 bytes and is asked for twice on the terminal,
      or is the one line of a file that nobody else can read.

    """
  }

  static var ownerShow: StaticString {
    """
    cairn owner show OWNER-FILE [--qr] [--passphrase-file FILE] [--json]

      The owner's public key and its names, for a gateway's --owners file. No
      passphrase is needed; with one the file is opened, which shows that nobody has
      exchanged the key in it. The did:key is a QR code too on a terminal, or with
      --qr.

    """
  }

  static var ownerInvite: StaticString {
    """
    cairn owner invite OWNER-FILE --gateway KEY --expires WHEN [--often]
                       [--to FILE] [--passphrase-file FILE] [--json]

      Allows a gateway to take one of this owner's nodes, or with --often any number.
      Writes the lines for [enrolment] of the node's site.ini to standard output;
      with --to the message to a new file as well.

      KEY    the gateway's public key: a file of 32 bytes or 64 hexadecimal digits,
             the digits themselves, or a did:key
      WHEN   from now on, 90m, 12h, 7d or 4w, or UTC: 2027-01-31, 2027-01-31T12:00

    """
  }

  static var ownerMove: StaticString {
    """
    cairn owner move OWNER-FILE --node ID --gateway KEY --expires WHEN [--often]
                     [--to FILE] [--passphrase-file FILE] [--json]

      Allows a node to enrol at another place, or with another antenna. As `cairn
      owner invite`, for the one node ID: the hash of its first enrolment.

    """
  }

  static var ownerSucceed: StaticString {
    """
    cairn owner succeed OWNER-FILE --node ID --old KEY --new KEY
                        [--to FILE] [--passphrase-file FILE] [--json]

      Names the key with which a node goes on. The lines go to the site.ini of the
      board that has the new key; from when a gateway has taken its enrolment the
      old key is refused.

      KEY    as for `cairn owner invite`, or 66 digits or a did:key of a P-256 key;
             the old one also as sha256: and 64 digits, as gateways show it

    """
  }

  static var ownerRevoke: StaticString {
    """
    cairn owner revoke OWNER-FILE --node ID --key KEY --reason REASON --to FILE
                       [--passphrase-file FILE] [--json]

      Gives up a device's key: what is signed with it is refused from when a gateway
      has received this. The message goes to a new file, which is posted to
      /v1/revocations of each gateway. Nothing takes it back; the node goes on with
      another key by `cairn owner succeed`.

      KEY      as for `cairn owner succeed`, the old one
      REASON   lost, retired, compromised or unsaid

    """
  }
}
