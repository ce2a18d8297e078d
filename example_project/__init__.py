"""One application, four systems, each in its own PostgreSQL schema, with every index it needs."""
