-- Who has begun an upload: whoever begins it again gets the same one.
ALTER TABLE uploads ADD COLUMN owner TEXT NOT NULL DEFAULT '';
