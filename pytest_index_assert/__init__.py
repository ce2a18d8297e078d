"""A pytest plugin that proves the migrated database has the indexes the code needs.

PYTEST_DONT_REWRITE
"""

from pytest_index_assert.fixtures import AssertIndex, AssertIndexes, AssertNoIndex, IndexCatalog
from pytest_index_assert.marker import requires_index

__all__ = ["AssertIndex", "AssertIndexes", "AssertNoIndex", "IndexCatalog", "requires_index"]
