import GRDB

extension GatewayStore {
  /// Nodes, their enrolments, and the keys that are given up (docs/identity.md). A device from before has no
  /// node until it posts its first enrolment.
  static func registerIdentity(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("identity-1") { database in
      try database.execute(
        sql: """
          CREATE TABLE node (
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,          -- of its first enrolment: the node's id
            owner BLOB,                         -- Ed25519 key whose invite the first enrolment has
            device INTEGER NOT NULL REFERENCES device   -- whose key the node has now
          ) STRICT;
          ALTER TABLE device ADD COLUMN node INTEGER REFERENCES node;
          CREATE INDEX device_node ON device (node);

          -- Columns in front of the message are a digest of it, for finding; the message decides.
          CREATE TABLE enrolment (
            id INTEGER PRIMARY KEY,
            node INTEGER NOT NULL REFERENCES node,
            device INTEGER NOT NULL REFERENCES device,
            version INTEGER NOT NULL,
            hash BLOB NOT NULL UNIQUE,          -- SHA-256 of the Sig_structure
            received_utc INTEGER NOT NULL,
            message BLOB NOT NULL,
            UNIQUE (device, version)
          ) STRICT;

          -- Invites for one enrolment, with the enrolment that has used each.
          CREATE TABLE used_invite (
            hash BLOB PRIMARY KEY,
            enrolment BLOB NOT NULL
          ) STRICT, WITHOUT ROWID;

          CREATE TABLE revocation (
            id INTEGER PRIMARY KEY,
            device INTEGER NOT NULL UNIQUE REFERENCES device,
            reason INTEGER NOT NULL,
            received_utc INTEGER NOT NULL,
            message BLOB                        -- the owner's; null: the operator's own
          ) STRICT;
          """)
    }
  }
}
