"""A pytest plugin that proves the migrated database has the indexes the code needs."""
