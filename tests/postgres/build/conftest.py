from tests.one_database import database, one_database, project

__all__ = ["database", "one_database", "project"]
