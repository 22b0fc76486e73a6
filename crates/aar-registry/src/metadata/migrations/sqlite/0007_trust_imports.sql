-- The certificates of the folders of another registry. Each is imported once.
CREATE TABLE trust_imports (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    -- The file that had it when the folders were last read.
    file        TEXT    NOT NULL,
    -- Whether the trust ends when the file is removed.
    active      INTEGER NOT NULL CHECK (active IN (0, 1))
) STRICT;
