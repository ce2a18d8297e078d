"""`support.toml` as values."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Cell:
    """One combination of versions to run the tests on."""

    name: str
    python: str
    alembic: str
    sqlalchemy: str
    pytest: str
    postgresql: str

    @property
    def requirements(self) -> tuple[str, ...]:
        """The pinned packages, as pip wants them."""
        return (
            render_requirement("alembic", self.alembic),
            render_requirement("sqlalchemy", self.sqlalchemy),
            render_requirement("pytest", self.pytest),
        )

    def __str__(self) -> str:
        return (
            f"{self.name}: Python {self.python}, Alembic {self.alembic}, "
            f"SQLAlchemy {self.sqlalchemy}, pytest {self.pytest}, PostgreSQL {self.postgresql}"
        )


@dataclass(frozen=True)
class Support:
    """What is supported and which cells prove it.

    `neighbours` are other plugins of pytest, beside which ours is tested. `cuts`: for the parts
    `ends` and `all`, the modules that cut migrations off, with arguments.
    """

    versions: Mapping[str, tuple[str, ...]]
    ends: tuple[Cell, ...]
    between: tuple[Cell, ...]
    servers: Mapping[str, str]
    cuts: Mapping[str, tuple[str, ...]]
    neighbours: tuple[str, ...]


def read_support() -> Support:
    """The contents of `support.toml`."""
    table = tomllib.loads((Path(__file__).parent / "support.toml").read_text())
    return Support(
        versions={part: tuple(versions) for part, versions in table["versions"].items()},
        ends=tuple(Cell(name, **cell) for name, cell in table["ends"].items()),
        between=tuple(Cell(name, **cell) for name, cell in table["between"].items()),
        servers=table["servers"],
        cuts={part: tuple(commands) for part, commands in table["cuts"].items()},
        neighbours=tuple(table["neighbours"]["packages"]),
    )


def render_requirement(package: str, version: str) -> str:
    """`newest` pins nothing; two numbers pin a series; more pin the release."""
    if version == "newest":
        return package
    return f"{package}=={version}.*" if version.count(".") == 1 else f"{package}=={version}"
