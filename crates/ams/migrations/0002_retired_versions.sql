-- A version that was cleaned up because newer ones are published. Its image is gone and nobody is
-- shown it; the row stays so that a registry which has the version is told to withdraw it.
ALTER TABLE versions ADD COLUMN retired INTEGER NOT NULL DEFAULT 0
    CHECK (retired = 0 OR (retired = 1 AND published = 0));
