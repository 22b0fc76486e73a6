-- The descriptors that storage does not have yet, with the newest content each is to have.
CREATE TABLE outbox (
    -- The key of the object in storage.
    key      TEXT    NOT NULL PRIMARY KEY,
    -- Null: the object is to be deleted.
    content  BLOB,
    -- Counts all entries that were ever made.
    revision INTEGER NOT NULL
) STRICT;

ALTER TABLE registry ADD COLUMN outbox_revision INTEGER NOT NULL DEFAULT 0;

-- Who may write or delete an object in storage. An expired lease is taken over.
CREATE TABLE leases (
    -- The key of the object in storage.
    key        TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    -- What was attempted without a response and may still be carried out. It may be attempted again at
    -- once, anything else only when the lease has expired.
    unanswered INTEGER
) STRICT;

-- The outbox replaces trust_owed. Descriptors of revoked certificates have to be made from the row:
-- `aar storage verify --repair` writes them.
INSERT INTO outbox (key, content, revision)
SELECT 'trust/' || fingerprint || '.json', NULL, ROW_NUMBER() OVER (ORDER BY fingerprint)
FROM trust_owed WHERE fingerprint NOT IN (SELECT fingerprint FROM trust);

UPDATE registry SET outbox_revision = (SELECT COUNT(*) FROM outbox);

DROP TABLE trust_owed;
