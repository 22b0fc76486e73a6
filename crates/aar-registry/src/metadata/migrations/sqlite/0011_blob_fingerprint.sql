-- The fingerprint of checked content. NULL: the image is checked before the first version with it is committed.
ALTER TABLE blobs ADD COLUMN fingerprint TEXT;
