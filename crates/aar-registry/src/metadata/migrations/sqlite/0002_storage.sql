-- Uploads into a bucket are gathered in parts.

-- What the bucket calls the gathering; null where there is none.
ALTER TABLE uploads ADD COLUMN multipart TEXT;

CREATE TABLE upload_parts (
    upload     TEXT    NOT NULL REFERENCES uploads ON DELETE CASCADE,
    -- The first is 0.
    number     INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    -- What the bucket calls it.
    tag        TEXT    NOT NULL,
    -- The SHA-256 up to its end.
    hash_state BLOB    NOT NULL,
    PRIMARY KEY (upload, number)
) STRICT;

-- Which of its storages is in use: the name in registry.json. The first one has none.
ALTER TABLE registry ADD COLUMN storage TEXT NOT NULL DEFAULT '';
