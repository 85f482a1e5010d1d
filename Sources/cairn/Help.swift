/// What the tool says about itself.
enum Help {
  static func text(of command: Command?) -> StaticString {
    switch command {
    case nil: overview
    case .status: status
    case .keyShow: keyShow
    case .keyAdopt: keyAdopt
    case .logList: logList
    case .logShow: logShow
    case .logExport: logExport
    case .verify: verify
    case .configCheck: configCheck
    case .configShow: configShow
    case .enrol: enrol
    case .doctor: doctor
    case .console: console
    case .keyBackup: keyBackup
    case .keyRestore: keyRestore
    case .ownerNew: ownerNew
    case .ownerShow: ownerShow
    case .ownerInvite: ownerInvite
    case .ownerMove: ownerMove
    case .ownerSucceed: ownerSucceed
    case .ownerRevoke: ownerRevoke
    case .boardShow: boardShow
    case .boardCheck: boardCheck
    case .bootFileApply: bootFileApply
    case .radioShow: radioShow
    case .radioListen: radioListen
    case .radioWatch: radioWatch
    case .radioTest: radioTest
    case .radioNoise: radioNoise
    }
  }

  private static var overview: StaticString {
    """
    cairn: what a node measures, proves and delivers

      cairn status                       all of this node on one screen, and why
                                         whatever is missing is missing
      cairn doctor                       looks at all that can be wrong, and says
                                         what to do
      cairn key show                     the node's public key and its names
      cairn key adopt                    this hardware is the node from here on
      cairn key backup --to FILE         the node's key under a passphrase
      cairn key restore FILE             and back
      cairn log list                     the batches in the log
      cairn log show EPOCH/BATCH         one batch, each leaf in words
      cairn log export [EPOCH/BATCH] --to FOLDER
                                         a batch that anyone can check
      cairn enrol [--to FILE]            what this node tells gateways,
                                         and whether its gateway took it
      cairn verify FILE [--key KEY]      check any signed document: batch, receipt,
                                         enrolment, gateway's head, proof …
      cairn config check                 what is wrong in the configuration
      cairn config show                  each value that holds, and where it is from
      cairn board show                   what the board has and where
      cairn board check                  whether this machine has it too
      cairn radio show, listen DEVICE    which LoRa module is on a line, what it
                                         can do, what it hears
      cairn radio watch, test, noise     the agent's radio: frames, a test frame,
                                         the noise in each channel
      cairn owner new OWNER-FILE         on a desk: the key of who owns nodes
      cairn owner show OWNER-FILE        its public half
      cairn owner invite, move, succeed, revoke OWNER-FILE
                                         what an owner says about a node
      cairn console                      the same and more, by commands, on a serial
                                         port or any terminal
      cairn boot-file apply FOLDER       on an image: takes cairn.ini over
      cairn help COMMAND, cairn --version

      --json           for programs; with every command
      --state FOLDER   holds agent/ and uplink/                  /var/lib/cairn
      --run FOLDER     holds agent.sock                          /run/cairn
      --config FILE    site file                                 /etc/cairn/site.ini
      --board FILE     board profile, for config and board

    All of it works without the network, and without the agent and the uplink.
    Exit status: 0 done, 1 not valid, 2 command line, 69 nothing there, 74 storage
    failed, 77 refused by the system or unreadable, 78 configuration.

    """
  }

  private static var status: StaticString {
    """
    cairn status [--qr] [--json]

      All of this node on one screen: who it is and what its gateway made of that,
      whether the agent runs, the log, clock and position with their quality, each
      sensor's last reading or why there is none, gaps, how much room the spool
      has, how far delivery has come and what holds it up, what is known of the
      gateway and of its own log; at the end what is wrong, and what to do. Read
      from the files of --state and --run; what only the agent knows is asked of
      it, for at most a second. --qr shows the node's did:key as a QR code too.

      Exit status 0 when there was something to show, 69 when there is neither key
      nor spool nor agent.

    """
  }

  private static var keyShow: StaticString {
    """
    cairn key show [--qr] [--json]

      The node's public key and its names: kid, the full hash that receipts and
      gateways use, did:key. Read from STATE/agent/device.pub; the private key is
      neither needed nor read. The did:key is a QR code too on a terminal, or with
      --qr.

    """
  }

  private static var keyAdopt: StaticString {
    """
    cairn key adopt [--json]

      A key signs on one board and card. On other hardware the agent signs nothing
      and waits for this command, by root or its own user: it says that this board
      is the node from here on, and that the other one is off or gets a key of its
      own. Two boards that sign with one key fork its log.

    """
  }

  private static var logList: StaticString {
    """
    cairn log list [--last N] [--json]

      The sealed batches that the spool holds, oldest first: position, boot, leaves
      by index, log time of the last leaf, the first digits of the root, and whether
      the gateway has it. Log time counts from the start of the agent, which begins
      a boot. --last N shows the newest N.

    """
  }

  private static var logShow: StaticString {
    """
    cairn log show EPOCH/BATCH [--json]

      One batch, each leaf in words, as `cairn log list` names it.

    """
  }

  private static var logExport: StaticString {
    """
    cairn log export [EPOCH/BATCH] --to FOLDER [--json]

      Writes a batch, the last one if none is named, so that whoever has it can
      check it without anything else:

        batch.cbor        checkpoint and leaves; hashes stand for all leaves before
        checkpoint.cose   the signed state of the log after the batch
        receipt.cose      inclusion proof of the batch's last leaf (RFC 9942)
        device.pub        the 32 bytes of the node's public key (Ed25519)

      The folder is made if it is not there; files in it are replaced.

    """
  }

  private static var verify: StaticString {
    """
    cairn verify FILE [--key KEY] [--leaf FILE | --batch FILE] [--from FILE]
                 [--json]

      Checks a signed document; which one FILE is, its content tells:

        of a device    batch, checkpoint, enrolment; inclusion and consistency
                       proofs of its log (RFC 9942)
        of an owner    invite, move, succession, revocation
        of a gateway   receipt, head of a device's log, challenge, head of its
                       own log, key change; proofs of its own log

      KEY is the signer's: a file of 32 bytes (Ed25519) or 33 (P-256), as many in
      hexadecimal digits, as a file or as they are, or a did:key. An enrolment and
      what owners sign hold their key: without --key that one is taken, and shown.

      An inclusion proof needs what it is about: the leaf, or the batch that has
      it; a batch.cbor beside it is taken by itself. A consistency proof needs the
      older head or checkpoint, as it was signed: --from.

      Exit status 0 valid, 1 not valid, with the reason.

    """
  }

  private static var enrol: StaticString {
    """
    cairn enrol [--to FILE] [--json]

      What this node says of itself to gateways, under its key's signature: place,
      radio, where the key is kept, and the owner's invite, move or succession that
      it carries; whether the gateway took it; and what to do when not. Read from
      STATE/agent/enrolment.cose, which the agent makes from the site file, and
      STATE/uplink/enrolment-answer.cbor.

      --to FILE writes the message, so that it can be handed to a gateway by
      other means, and shows how.

      Exit status 0 when there is one, 1 when it is not valid, 69 when there is
      none.

    """
  }

  private static var doctor: StaticString {
    """
    cairn doctor [--json]

      Looks at all of a node that can be wrong, one row for each thing, and says what
      to do about it: configuration, programs, buses and chips, clock, key, disk,
      network, permissions. It works without agent, uplink and network, and ends
      within about 30 s. What this user may not look at is "not checked".

      While no agent runs, the buses are tried: chips of the site file are identified
      as the agent does it, under the agent's lock; to others nothing is written. The
      gateway is asked by the uplink's --check, which this program starts.

      Exit status 0 when all is well, 1 when there are warnings, 69 when something
      failed, 2 for the command line.

    """
  }

  private static var configShow: StaticString {
    """
    cairn config show [--config FILE] [--board FILE] [--json]

      Each value that holds, as written in the site file and, if one is named, the
      board profile, with file and line; or the default where nothing is written.
      There are no secrets in these files. Exit status 0 when they can be used,
      else 78: `cairn config check` tells why.

    """
  }

  private static var configCheck: StaticString {
    """
    cairn config check [--config FILE] [--board FILE] [--json]

      Reads the site file, and the board profile if one is named, and tells all that
      is wrong with them. Exit status 0 when they can be used, else 78.

    """
  }
}
