-- How often in a row an upload was let live on without having come further.
ALTER TABLE uploads ADD COLUMN renewals INTEGER NOT NULL DEFAULT 0;
