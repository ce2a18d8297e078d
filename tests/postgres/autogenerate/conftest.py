from tests.one_database import database, one_database, project
from tests.postgres.autogenerate.generating import generating

__all__ = ["database", "generating", "one_database", "project"]
