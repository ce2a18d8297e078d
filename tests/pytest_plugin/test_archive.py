"""Servers at rest, and what decides whether one is still good. No server is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config

from pytest_index_assert import archive
from pytest_index_assert.archive import pack, prune, read_manifest, unpack
from pytest_index_assert.inputs import Reads, digest_job, digest_reads
from pytest_index_assert.migration import make_job
from pytest_index_assert.options import Options


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """What a stopped server leaves."""
    data = tmp_path / "data"
    (data / "pg_tblspc").mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    (data / "log").write_text("started")
    return data


def test_it_comes_back_as_it_was_packed(data: Path, tmp_path: Path) -> None:
    packed = tmp_path / "it.tar.gz"
    pack(data, packed, {"digest": "1"})
    (tmp_path / "other").mkdir()

    unpack(packed, tmp_path / "other" / "data", None)

    assert (tmp_path / "other" / "data" / "PG_VERSION").read_text() == "18\n"
    assert (tmp_path / "other" / "data").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "other" / "data" / "log").exists()
    assert read_manifest(packed) == {"digest": "1"}


def test_one_that_was_cut_off_while_it_was_written_is_not_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(archive.os, "replace", full)
    (tmp_path / "cache").mkdir()

    with pytest.raises(OSError, match="no space"):
        pack(data, tmp_path / "cache" / "it.tar.gz", {})

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_server_with_tablespaces_is_not_packed(data: Path, tmp_path: Path) -> None:
    (data / "pg_tblspc" / "16400").symlink_to(tmp_path)
    pack(data, tmp_path / "it.tar.gz", {})
    assert not (tmp_path / "it.tar.gz").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x1f\x8b\x08\x00nonsense"])
def test_what_is_no_archive_has_no_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it.tar.gz").write_bytes(content)
    assert read_manifest(tmp_path / "it.tar.gz") is None
    assert read_manifest(tmp_path / "none.tar.gz") is None


def test_the_newest_stay(tmp_path: Path) -> None:
    for name, age in (("1.tar.gz", 4), ("2.tar.gz", 1), ("3.tar.gz", 2), ("4.tar.gz", 3)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / "5.tar.gz.17.making").touch()
    os.utime(tmp_path / "5.tar.gz.17.making", (1e9, 1e9))
    (tmp_path / "6.tar.gz.18.making").touch()

    prune(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2.tar.gz", "3.tar.gz", "4.tar.gz", "6.tar.gz.18.making",
    ]  # fmt: skip


def test_a_file_that_appears_changes_the_digest(tmp_path: Path) -> None:
    reads = Reads((str(tmp_path / ".env"),))
    absent = digest_reads(reads)
    (tmp_path / ".env").touch()
    assert digest_reads(reads) != absent


def test_a_variable_that_is_set_changes_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENANT", raising=False)
    unset = digest_reads(Reads(variables=("TENANT",)))
    monkeypatch.setenv("TENANT", "")
    assert digest_reads(Reads(variables=("TENANT",))) != unset


def test_what_differs_in_every_run_is_no_input() -> None:
    names = ("PYTEST_CURRENT_TEST", "INDEX_ASSERT_URL", "SHLVL", "DATABASE_URL", "TENANT")
    assert Reads.of((), names, "DATABASE_URL") == Reads(variables=("TENANT",))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    (tmp_path / "migrations" / "env.py").touch()
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    return tmp_path


def digest(project: Path, **changes: Any) -> str:
    values: dict[str, Any] = {
        "url": None, "alembic_ini": None, "revision": "heads", "migrate": False, "keep": False,
        "fresh": False, "blame": False, "url_variable": None, "root": project, **changes,
    }  # fmt: skip
    options = Options(**values)
    config = Config(str(project / "alembic.ini"))
    return digest_job(make_job(config, options), config, options.url_variable)


def test_the_digest_of_one_project_is_the_same(project: Path) -> None:
    assert digest(project) == digest(project)


def test_the_revision_that_is_asked_for_counts(project: Path) -> None:
    assert digest(project, revision="0001") != digest(project)


@pytest.mark.parametrize(
    "name",
    ["migrations/versions/0001.py", "migrations/env.py", "migrations/sql/it.sql", "alembic.ini"],
)
def test_each_file_of_the_migrations_counts(project: Path, name: str) -> None:
    before = digest(project)
    (project / name).parent.mkdir(exist_ok=True)
    with (project / name).open("a") as file:
        file.write("\n# changed\n")
    assert digest(project) != before


def test_byte_code_does_not_count(project: Path) -> None:
    before = digest(project)
    (project / "migrations" / "__pycache__").mkdir()
    (project / "migrations" / "__pycache__" / "env.pyc").touch()
    assert digest(project) == before


def test_the_version_of_the_server_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(project)
    monkeypatch.setenv("PGSERVER_POSTGRES_VERSION", "16")
    assert digest(project) != before


def test_each_installed_package_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(project)
    (project / "there" / "some-1.0.dist-info").mkdir(parents=True)
    monkeypatch.syspath_prepend(project / "there")
    assert digest(project) != before


def test_a_location_inside_a_package_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(project)
    (project / "shop_of_digests").mkdir()
    (project / "shop_of_digests" / "__init__.py").touch()
    (project / "migrations").rename(project / "shop_of_digests" / "migrations")
    (project / "alembic.ini").write_text(
        "[alembic]\nscript_location = shop_of_digests:migrations\n"
    )
    before = digest(project)
    (project / "shop_of_digests" / "migrations" / "versions" / "0001.py").touch()
    assert digest(project) != before
