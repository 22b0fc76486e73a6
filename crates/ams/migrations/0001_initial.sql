-- Applications and their versions. A version's image file is durable before its row says 'ready',
-- and its row is gone before the file is.
CREATE TABLE applications (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    origin      TEXT NOT NULL CHECK (origin IN ('local', 'imported')),
    metadata    TEXT NOT NULL,
    -- Numbers are never given twice, not even after the newest version was deleted: a registry
    -- may have that version already.
    next_number INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE versions (
    application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('initializing', 'ready', 'error')),
    error          TEXT NOT NULL DEFAULT '',
    published      INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1)),
    manifest       TEXT NOT NULL,
    fingerprint    TEXT,
    digest         TEXT,
    size           INTEGER,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (application_id, number),
    CHECK (status <> 'ready'
        OR (fingerprint IS NOT NULL AND digest IS NOT NULL AND size IS NOT NULL)),
    CHECK (published = 0 OR status = 'ready')
) STRICT, WITHOUT ROWID;

CREATE INDEX versions_by_digest ON versions (digest);

-- Who may use the API, and which registry certificates are accepted.
CREATE TABLE certificates (
    fingerprint TEXT PRIMARY KEY,
    der         BLOB NOT NULL,
    added_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Configuration items that have been set; what is not here has its default.
CREATE TABLE config (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The registry this AMS last listed completely. One row or none.
CREATE TABLE registry (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    id       TEXT NOT NULL,
    revision INTEGER NOT NULL
) STRICT;

-- Uploads to the registry that can be continued.
CREATE TABLE uploads (
    digest  TEXT PRIMARY KEY,
    session TEXT NOT NULL
) STRICT, WITHOUT ROWID;
