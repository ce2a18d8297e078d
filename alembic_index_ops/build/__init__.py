"""Getting from what the database has to what was asked for: the only part that changes it."""
