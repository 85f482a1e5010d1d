import GRDB

extension GatewayStore {
  /// The tables, version by version. A migration that was released is never changed.
  static func migrator() -> DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { database in
      try database.execute(
        sql: """
          CREATE TABLE device (
            id INTEGER PRIMARY KEY,
            key_hash BLOB NOT NULL UNIQUE,      -- SHA-256 of the public key
            key_id BLOB NOT NULL UNIQUE,        -- its first 8 bytes: the kid of messages
            algorithm INTEGER NOT NULL,         -- COSE number
            public_key BLOB NOT NULL,
            enrolled_utc INTEGER NOT NULL       -- milliseconds, by the gateway's clock
          ) STRICT;

          -- Columns in front of the bytes are a digest of them, for finding; the bytes decide.
          CREATE TABLE batch (
            id INTEGER PRIMARY KEY,
            device INTEGER NOT NULL REFERENCES device,
            epoch INTEGER NOT NULL,
            batch INTEGER NOT NULL,
            start INTEGER NOT NULL,             -- first leaf that the items speak of
            first INTEGER NOT NULL,
            size INTEGER NOT NULL,
            boot INTEGER NOT NULL,
            simulated INTEGER NOT NULL,
            received_utc INTEGER NOT NULL,
            reading_count INTEGER NOT NULL,
            fault_count INTEGER NOT NULL,
            gap_count INTEGER NOT NULL,
            withheld_count INTEGER NOT NULL,
            hash BLOB NOT NULL,                 -- SHA-256 of the checkpoint's Sig_structure
            frontier BLOB NOT NULL,             -- peaks of the tree after the batch, largest first
            receipt BLOB NOT NULL,
            bytes BLOB NOT NULL,
            UNIQUE (device, epoch, batch)
          ) STRICT;
          CREATE UNIQUE INDEX batch_size ON batch (device, epoch, size);

          -- Leaves that later ones need to be understood: boot, schema, clock, position.
          CREATE TABLE context (
            device INTEGER NOT NULL REFERENCES device,
            epoch INTEGER NOT NULL,
            boot INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            schema INTEGER NOT NULL,
            leaf INTEGER NOT NULL,
            bytes BLOB NOT NULL,
            PRIMARY KEY (device, epoch, boot, kind, schema, leaf)
          ) STRICT, WITHOUT ROWID;

          -- Two signed checkpoints that can't belong to one log. Kept for ever.
          CREATE TABLE fork (
            id INTEGER PRIMARY KEY,
            device INTEGER NOT NULL REFERENCES device,
            epoch INTEGER NOT NULL,
            batch INTEGER NOT NULL,             -- of the one that came second
            code INTEGER NOT NULL,              -- 41: same position; 42: beyond a closed epoch's end
            held BLOB NOT NULL,
            sent BLOB NOT NULL,
            sent_hash BLOB NOT NULL,
            seen_utc INTEGER NOT NULL,
            UNIQUE (device, epoch, batch, sent_hash)
          ) STRICT;
          """)
    }
    // Filled by `GatewayLog.begin`, which knows the gateway's key: receipts and forks of before come into
    // the log then.
    migrator.registerMigration("log") { database in
      try database.execute(
        sql: """
          -- Leaves of the gateway's own log (docs/identity.md). Rows are never changed or removed.
          CREATE TABLE log (
            id INTEGER PRIMARY KEY,             -- the leaf's index
            kind INTEGER NOT NULL,
            utc INTEGER NOT NULL,
            bytes BLOB NOT NULL                 -- the leaf: columns before it are for finding
          ) STRICT;
          CREATE INDEX log_rare ON log (kind, id) WHERE kind <> 1;

          -- Roots of complete subtrees of 2^8, 2^16, … leaves.
          CREATE TABLE log_subtree (
            level INTEGER NOT NULL,
            position INTEGER NOT NULL,          -- leaves before it, divided by 2^level
            hash BLOB NOT NULL,
            PRIMARY KEY (level, position)
          ) STRICT, WITHOUT ROWID;

          -- Heads that ended the use of a key.
          CREATE TABLE log_head (size INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT;

          -- Beginnings of SHA-256 of leaves and of their documents, as far as somebody has asked.
          CREATE TABLE log_name (
            name BLOB NOT NULL,                 -- 8 bytes
            leaf INTEGER NOT NULL,
            PRIMARY KEY (name, leaf)
          ) STRICT, WITHOUT ROWID;
          """)
    }
    registerIdentity(&migrator)
    registerLogAnswers(&migrator)
    // Forks are counted apart from what went on in a closed epoch, for every look at a device.
    migrator.registerMigration("fork-code") { database in
      try database.execute(sql: "CREATE INDEX fork_code ON fork (code, device)")
    }
    registerCoverage(&migrator)
    return migrator
  }
}
