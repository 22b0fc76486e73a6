-- The last report of each site. A report is replaced by the next one.
CREATE TABLE site_reports (
    fingerprint TEXT   COLLATE "C" PRIMARY KEY,
    received_at BIGINT NOT NULL,
    -- Since when the site is in the state of the report.
    since       BIGINT NOT NULL,
    report      TEXT   NOT NULL
);
