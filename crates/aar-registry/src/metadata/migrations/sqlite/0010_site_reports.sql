-- The last report of each site. A report is replaced by the next one.
CREATE TABLE site_reports (
    fingerprint TEXT    NOT NULL PRIMARY KEY,
    received_at INTEGER NOT NULL,
    -- Since when the site is in the state of the report.
    since       INTEGER NOT NULL,
    report      TEXT    NOT NULL
) STRICT;
