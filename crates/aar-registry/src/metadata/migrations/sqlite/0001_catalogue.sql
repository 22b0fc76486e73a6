-- Moments are microseconds since 1970. Digests and fingerprints are 64 lower-case hexadecimal
-- digits. Texts compare byte by byte, so that every engine lists in the same order.

CREATE TABLE registry (
    only_row       INTEGER PRIMARY KEY CHECK (only_row = 1),
    id             TEXT    NOT NULL,
    revision       INTEGER NOT NULL,
    -- Changes up to this revision are no longer in the feed.
    compacted      INTEGER NOT NULL,
    trust_revision INTEGER NOT NULL
) STRICT;

CREATE TABLE blobs (
    digest             TEXT    PRIMARY KEY,
    size               INTEGER NOT NULL,
    -- A blob that is being deleted counts as not stored.
    state              TEXT    NOT NULL CHECK (state IN ('stored', 'deleting')),
    stored_at          INTEGER NOT NULL,
    -- Null while a version refers to it.
    unreferenced_since INTEGER
) STRICT;

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_since) WHERE unreferenced_since IS NOT NULL;

CREATE TABLE variants (
    application  TEXT    NOT NULL,
    architecture TEXT    NOT NULL,
    metadata     TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    PRIMARY KEY (application, architecture)
) STRICT;

CREATE TABLE variant_tags (
    application  TEXT NOT NULL,
    architecture TEXT NOT NULL,
    tag          TEXT NOT NULL,
    PRIMARY KEY (tag, application, architecture),
    FOREIGN KEY (application, architecture) REFERENCES variants ON DELETE CASCADE
) STRICT;

CREATE INDEX variant_tags_variant ON variant_tags (application, architecture);

CREATE TABLE versions (
    application  TEXT    NOT NULL,
    architecture TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    published    INTEGER NOT NULL CHECK (published IN (0, 1)),
    created_at   INTEGER NOT NULL,
    manifest     TEXT    NOT NULL,
    fingerprint  TEXT    NOT NULL,
    digest       TEXT    NOT NULL REFERENCES blobs,
    size         INTEGER NOT NULL,
    revision     INTEGER NOT NULL,
    PRIMARY KEY (application, architecture, number),
    FOREIGN KEY (application, architecture) REFERENCES variants
) STRICT;

CREATE INDEX versions_digest ON versions (digest);

CREATE TABLE changes (
    revision     INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    application  TEXT    NOT NULL,
    architecture TEXT    NOT NULL,
    version      INTEGER
) STRICT;

CREATE TABLE uploads (
    id           TEXT    PRIMARY KEY,
    digest       TEXT    NOT NULL,
    length       INTEGER NOT NULL,
    -- How much of it is on the disk for good, and the SHA-256 up to there.
    durable      INTEGER NOT NULL,
    hash_state   BLOB    NOT NULL,
    complete     INTEGER NOT NULL CHECK (complete IN (0, 1)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX uploads_expiry ON uploads (expires_at);
CREATE INDEX uploads_digest ON uploads (digest);

CREATE TABLE trust (
    fingerprint TEXT    PRIMARY KEY,
    state       TEXT    NOT NULL CHECK (state IN ('trusted', 'revoked')),
    role        TEXT    NOT NULL CHECK (role IN ('client', 'publisher')),
    der         BLOB    NOT NULL,
    subject     TEXT    NOT NULL,
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    added_at    INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

-- Revoked is for ever, whatever a program asks for.
CREATE TRIGGER revoked_stays_revoked BEFORE UPDATE ON trust WHEN OLD.state = 'revoked'
BEGIN
    SELECT RAISE(ABORT, 'a revoked certificate stays revoked');
END;

CREATE TRIGGER revoked_is_not_forgotten BEFORE DELETE ON trust WHEN OLD.state = 'revoked'
BEGIN
    SELECT RAISE(ABORT, 'a revoked certificate is not forgotten');
END;

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    operator    TEXT,
    fingerprint TEXT,
    role        TEXT,
    address     TEXT,
    action      TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    detail      TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_at ON audit (at);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
