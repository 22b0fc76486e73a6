-- Times are microseconds since 1970. Digests and fingerprints are 64 lower-case hexadecimal digits.
-- Texts compare byte by byte, so that every engine lists in the same order.

CREATE TABLE registry (
    only_row        BIGINT PRIMARY KEY CHECK (only_row = 1),
    id              TEXT   NOT NULL,
    -- The name of the storage in use, as in its registry.json.
    storage         TEXT   NOT NULL,
    revision        BIGINT NOT NULL,
    -- Changes up to this revision are no longer in the feed.
    compacted       BIGINT NOT NULL,
    trust_revision  BIGINT NOT NULL,
    -- Counts all entries of the outbox that were ever made.
    outbox_revision BIGINT NOT NULL DEFAULT 0
);

-- Other processes reload what they hold in memory.
CREATE FUNCTION notify_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('aar_changes', '');
    RETURN NULL;
END $$;

CREATE TRIGGER registry_changed AFTER UPDATE ON registry FOR EACH ROW
WHEN (OLD.revision <> NEW.revision OR OLD.trust_revision <> NEW.trust_revision
      OR OLD.storage <> NEW.storage)
EXECUTE FUNCTION notify_change();

CREATE TABLE blobs (
    digest             TEXT   COLLATE "C" PRIMARY KEY,
    size               BIGINT NOT NULL,
    -- A blob that is being deleted counts as not stored.
    state              TEXT   NOT NULL CHECK (state IN ('stored', 'deleting')),
    stored_at          BIGINT NOT NULL,
    -- Null while a version refers to it.
    unreferenced_since BIGINT
);

CREATE INDEX blobs_unreferenced ON blobs (unreferenced_since) WHERE unreferenced_since IS NOT NULL;

CREATE TABLE variants (
    application  TEXT   COLLATE "C" NOT NULL,
    architecture TEXT   COLLATE "C" NOT NULL,
    metadata     TEXT   NOT NULL,
    revision     BIGINT NOT NULL,
    PRIMARY KEY (application, architecture)
);

CREATE TABLE variant_tags (
    application  TEXT COLLATE "C" NOT NULL,
    architecture TEXT COLLATE "C" NOT NULL,
    tag          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tag, application, architecture),
    FOREIGN KEY (application, architecture) REFERENCES variants ON DELETE CASCADE
);

CREATE INDEX variant_tags_variant ON variant_tags (application, architecture);

CREATE TABLE versions (
    application  TEXT    COLLATE "C" NOT NULL,
    architecture TEXT    COLLATE "C" NOT NULL,
    number       BIGINT  NOT NULL,
    published    BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL,
    manifest     TEXT    NOT NULL,
    fingerprint  TEXT    NOT NULL,
    digest       TEXT    COLLATE "C" NOT NULL REFERENCES blobs,
    size         BIGINT  NOT NULL,
    revision     BIGINT  NOT NULL,
    PRIMARY KEY (application, architecture, number),
    FOREIGN KEY (application, architecture) REFERENCES variants
);

CREATE INDEX versions_digest ON versions (digest);

CREATE TABLE changes (
    revision     BIGINT PRIMARY KEY,
    at           BIGINT NOT NULL,
    kind         TEXT   NOT NULL,
    application  TEXT   NOT NULL,
    architecture TEXT   NOT NULL,
    version      BIGINT
);

CREATE TABLE uploads (
    id         TEXT    PRIMARY KEY,
    digest     TEXT    COLLATE "C" NOT NULL,
    length     BIGINT  NOT NULL,
    -- The number of durable bytes, and the state of the SHA-256 after them.
    durable    BIGINT  NOT NULL,
    hash_state BYTEA   NOT NULL,
    complete   BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL,
    -- The id of the multipart upload, in a bucket.
    multipart  TEXT,
    -- The certificate that has created it.
    owner      TEXT    NOT NULL,
    -- How often in a row it was extended without progress.
    renewals   BIGINT  NOT NULL DEFAULT 0
);

CREATE INDEX uploads_expiry ON uploads (expires_at);
CREATE INDEX uploads_digest ON uploads (digest);

CREATE TABLE upload_parts (
    upload     TEXT   NOT NULL REFERENCES uploads ON DELETE CASCADE,
    -- The first is 0.
    number     BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    -- Its entity tag.
    tag        TEXT   NOT NULL,
    -- The state of the SHA-256 at its end.
    hash_state BYTEA  NOT NULL,
    PRIMARY KEY (upload, number)
);

CREATE TABLE trust (
    fingerprint TEXT   COLLATE "C" PRIMARY KEY,
    state       TEXT   NOT NULL CHECK (state IN ('trusted', 'revoked')),
    role        TEXT   NOT NULL CHECK (role IN ('client', 'publisher')),
    der         BYTEA  NOT NULL,
    subject     TEXT   NOT NULL,
    not_before  BIGINT NOT NULL,
    not_after   BIGINT NOT NULL,
    added_at    BIGINT NOT NULL,
    revoked_at  BIGINT
);

-- A revocation cannot be undone, not even by a fault of the program.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

CREATE TRIGGER revoked_stays_revoked BEFORE UPDATE OR DELETE ON trust FOR EACH ROW
WHEN (OLD.state = 'revoked') EXECUTE FUNCTION refuse_change('a revoked certificate stays revoked');

-- The certificates of the folders of another registry. Each is imported once.
CREATE TABLE trust_imports (
    fingerprint TEXT    COLLATE "C" PRIMARY KEY,
    -- The file that had it when the folders were last read.
    file        TEXT    NOT NULL,
    -- Whether the trust ends when the file is removed.
    active      BOOLEAN NOT NULL
);

CREATE TABLE audit (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          BIGINT NOT NULL,
    operator    TEXT,
    fingerprint TEXT,
    role        TEXT,
    address     TEXT,
    action      TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    detail      TEXT   NOT NULL
);

CREATE INDEX audit_at ON audit (at);

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION refuse_change('the audit log is append-only');

-- The descriptors that storage does not have yet, with the newest content of each.
CREATE TABLE outbox (
    -- The key of the object in storage.
    key      TEXT   COLLATE "C" PRIMARY KEY,
    -- Null: the object is to be deleted.
    content  BYTEA,
    revision BIGINT NOT NULL
);

-- The right to write or delete an object in storage. An expired lease is taken over.
CREATE TABLE leases (
    -- The key of the object in storage.
    key        TEXT   COLLATE "C" PRIMARY KEY,
    holder     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    -- An attempt without a response, which may still be carried out. The same may be attempted again at
    -- once, anything else only when the lease has expired.
    unanswered BIGINT
);
