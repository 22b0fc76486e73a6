-- The time of the withdrawal of a version; null for a published one, and until the next collection for one that
-- was withdrawn before this column existed.
ALTER TABLE versions ADD COLUMN withdrawn_at INTEGER;
