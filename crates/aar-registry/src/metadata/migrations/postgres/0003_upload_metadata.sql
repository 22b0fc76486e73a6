-- `Upload-Metadata` as the client has sent it. Empty for uploads from before.
ALTER TABLE uploads ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
