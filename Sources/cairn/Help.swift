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
    case .keyBackup: keyBackup
    case .keyRestore: keyRestore
    case .ownerNew: ownerNew
    case .ownerShow: ownerShow
    case .ownerInvite: ownerInvite
    case .ownerMove: ownerMove
    case .ownerSucceed: ownerSucceed
    case .ownerRevoke: ownerRevoke
    }
  }

  private static var overview: StaticString {
    """
    cairn: what a node measures, proves and delivers

      cairn status                       all of this node on one screen, and why
                                         whatever is missing is missing
      cairn key show                     the node's public key and its names
      cairn key adopt                    this hardware is the node from here on
      cairn key backup --to FILE         the node's key under a passphrase
      cairn key restore FILE             and back
      cairn log list                     the batches in the log
      cairn log show EPOCH/BATCH         one batch, each leaf in words
      cairn log export [EPOCH/BATCH] --to FOLDER
                                         a batch that anyone can check
      cairn verify FILE --key KEY        check a batch, checkpoint or receipt
      cairn config check                 what is wrong in the configuration
      cairn owner new OWNER-FILE         on a desk: the key of who owns nodes
      cairn owner show OWNER-FILE        its public half
      cairn owner invite, move, succeed, revoke OWNER-FILE
                                         what an owner says about a node
      cairn help COMMAND, cairn --version

      --json           for programs; with every command
      --state FOLDER   holds agent/ and uplink/                  /var/lib/cairn
      --run FOLDER     holds agent.sock                          /run/cairn
      --config FILE    site file                                 /etc/cairn/site.ini
      --board FILE     board profile, for config check

    All of it works without the network, and without the agent and the uplink.
    Exit status: 0 done, 1 not valid, 2 command line, 69 nothing there, 74 storage
    failed, 77 refused by the system or unreadable, 78 configuration.

    """
  }

  private static var status: StaticString {
    """
    cairn status [--json]

      All of this node on one screen: who it is, whether the agent runs, the log,
      each sensor's last reading or why there is none, gaps, clock, position, the
      spool, and how far delivery has come. Read from the files of --state; what
      only the agent knows is asked of it at --run, for at most a second.

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

      A key signs on one board and card. On other hardware the agent signs nothing and
      waits for this command, by root or its own user: it says that this board is the
      node from here on, and that the other one is off or gets a key of its own. Two
      boards that sign with one key fork its log.

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
    cairn verify FILE --key KEY [--leaf FILE | --batch FILE] [--json]

      Checks a batch, a checkpoint, an inclusion proof (RFC 9942) or a gateway's
      receipt; which of them FILE is, its content tells. KEY is a file of 32 bytes
      or 64 hexadecimal digits, or the digits themselves, or a did:key. An inclusion
      proof needs what it is about: the leaf, or the batch that has it; a batch.cbor
      beside it is taken by itself.

      Exit status 0 valid, 1 not valid, with the reason.

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
