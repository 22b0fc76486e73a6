-- Certificates of which the storage does not know yet what became of them: trust was withdrawn while
-- the storage could not be reached.
CREATE TABLE trust_owed (
    fingerprint TEXT NOT NULL PRIMARY KEY
) STRICT;
