import GRDB

extension GatewayStore {
  /// What answers about the gateway's log need beside the log itself.
  static func registerLogAnswers(_ migrator: inout DatabaseMigrator) {
    migrator.registerMigration("log-answers") { database in
      try database.execute(
        sql: """
          -- Challenges, each with the leaf that it is. Rows are never removed: numbers count up.
          CREATE TABLE challenge (
            number INTEGER PRIMARY KEY,
            region TEXT NOT NULL,
            issued_utc INTEGER NOT NULL,
            valid_seconds INTEGER NOT NULL,
            leaf INTEGER NOT NULL REFERENCES log
          ) STRICT;
          CREATE INDEX challenge_region ON challenge (region, number);
          CREATE INDEX challenge_issued ON challenge (issued_utc);

          -- How many leaves of the log have their names in log_name.
          CREATE TABLE log_named (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            size INTEGER NOT NULL
          ) STRICT;
          INSERT INTO log_named (id, size) VALUES (1, 0);

          CREATE INDEX enrolment_node ON enrolment (node, id);
          """)
    }
  }
}
