-- Accounts, sessions, tokens, links, idempotency keys and the audit log. Times are milliseconds
-- since 1970 UTC; secrets are stored as keyed hashes only.

CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id           TEXT PRIMARY KEY,
    email        TEXT NOT NULL,                    -- as entered
    email_key    TEXT NOT NULL UNIQUE,             -- as matched
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    segment      TEXT,                             -- the one segment that is seen; null: all
    password     TEXT,                             -- PHC string; null: none yet, or by provider
    by_provider  INTEGER NOT NULL DEFAULT 0,
    issuer       TEXT,
    subject      TEXT,
    disabled     INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,       -- in a row, from unknown addresses
    totp         BLOB,                             -- what the second factor is derived from
    totp_pending BLOB,
    totp_step    INTEGER NOT NULL DEFAULT 0,       -- the last step that was used
    theme        TEXT NOT NULL DEFAULT 'system',
    shortcuts    INTEGER NOT NULL DEFAULT 1,
    digest       INTEGER NOT NULL DEFAULT 0,
    locale       TEXT,
    created_at   INTEGER NOT NULL,
    signed_in_at INTEGER,
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE session (
    hash      BLOB PRIMARY KEY,
    id        TEXT NOT NULL UNIQUE,
    account   TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    issued_at INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    address   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session (account);

CREATE TABLE token (
    hash       BLOB PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    account    TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX token_account ON token (account);

CREATE TABLE link (
    hash       BLOB PRIMARY KEY,
    kind       TEXT NOT NULL,                      -- first, invitation, reset, code
    account    TEXT REFERENCES account ON DELETE CASCADE,
    expires_at INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX link_account ON link (account);

CREATE TABLE recovery (
    account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

-- Where a person has signed in before: strangers elsewhere cannot slow them down there.
CREATE TABLE known_address (
    account  TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    hash     BLOB NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,           -- in a row, from here
    seen_at  INTEGER NOT NULL,
    PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    caller   TEXT NOT NULL,
    key      TEXT NOT NULL,
    route    TEXT NOT NULL,
    hash     BLOB NOT NULL,                        -- of the body
    begun_at INTEGER NOT NULL,
    status   INTEGER,                              -- null: being worked on
    body     BLOB,                                 -- encrypted
    PRIMARY KEY (caller, key, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_begun_at ON idempotency (begun_at);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    object   TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    address  TEXT NOT NULL,
    hash     BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END;
