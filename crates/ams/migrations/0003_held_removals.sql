-- The removals that the registry asks for and that are held back until somebody decides, as JSON.
ALTER TABLE registry ADD COLUMN held TEXT;
