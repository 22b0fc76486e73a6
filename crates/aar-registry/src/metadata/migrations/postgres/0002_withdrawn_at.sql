-- The time of the withdrawal of a version; null for a published one.
ALTER TABLE versions ADD COLUMN withdrawn_at BIGINT;
