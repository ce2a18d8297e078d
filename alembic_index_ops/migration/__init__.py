"""The Alembic shell. Importing Alembic here makes it load before our registration."""

import alembic  # noqa: F401
