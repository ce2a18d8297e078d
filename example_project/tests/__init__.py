"""The application's tests: one for every index, each with the query that needs it."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Executable

Fetch = Callable[[Executable], Sequence[Any]]
