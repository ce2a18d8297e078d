from __future__ import annotations

import re
from argparse import Namespace

import pytest

from benchmarks import autogenerate, many, marked_tests, partitions, plugin, writers

pytestmark = pytest.mark.slow


def test_writers_are_measured_during_upgrade_and_downgrade(database, tmp_path, capsys):
    tiny = Namespace(rows=2000, rounds=1, writers=2, hold=0.1)
    results = writers.measure(database, [writers.OURS], tiny, tmp_path)
    assert list(results) == [("upgrade", writers.OURS), ("downgrade", writers.OURS)]
    for [measured] in results.values():
        assert len(measured.writes) > 1
        assert 0 < measured.p50 <= measured.p99
        assert measured.longest == max(measured.writes)
    writers.show(results)
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["", "upgrade", writers.OURS, "", "downgrade", writers.OURS]


def test_two_workers_are_measured_against_one_and_against_plain_sql(database, tmp_path, capsys):
    tiny = Namespace(rows=500, rounds=1, parallel=0)
    results = many.measure(database, many.CONTENDERS, tiny, tmp_path)
    assert list(results) == list(many.CONTENDERS)
    assert all(seconds > 0 for [seconds] in results.values())
    many.show(results)
    many.compare(results)
    lines = [re.split("  |:", line)[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        *("", "", *many.CONTENDERS),
        *("", "two at once", "ours against plain SQL"),
    ]


def test_each_partition_and_its_writers_are_measured(server, tmp_path, capsys):
    tiny = Namespace(partitions=[4], rows=2, big=3000, big_every=4, writers=1, rounds=1, hold=0.1)
    results = partitions.measure(server, [partitions.OURS], tiny, tmp_path)
    assert list(results) == [("create", partitions.OURS, 4), ("drop", partitions.OURS, 4)]
    for [measured] in results.values():
        assert measured.seconds > 0
        assert len(measured.writes) > 0
    partitions.show(results)
    partitions.compare(results)
    lines = [re.split("  |:", line)[0] for line in capsys.readouterr().out.splitlines()]
    ours = partitions.OURS
    assert lines == ["", "create", ours, "", "drop", ours, "", "create", "drop"]


def test_autogenerate_is_measured_where_nothing_differs(database, capsys):
    metadata = autogenerate.make_model(5)
    with database.engine.begin() as connection:
        metadata.create_all(connection)
        times = autogenerate.measure(connection, metadata, 1)
    assert list(times) == [autogenerate.ALEMBIC, autogenerate.OURS]
    assert all(seconds > 0 for [seconds] in times.values())
    autogenerate.show(times)
    lines = [re.split("  ", line)[0] for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == ["", autogenerate.ALEMBIC, autogenerate.OURS]


def test_the_plugin_is_measured_against_bare_pytest(tmp_path, capsys):
    seconds = plugin.measure(tmp_path, runs=1, tests=2)
    assert [len(measured) for measured in seconds.values()] == [1, 1]
    plugin.show(seconds)
    figure = r"\d+\.\d ms"
    line = rf"bare pytest {figure}, with the plugin {figure}, adds -?{figure}, ratio \d\.\d{{3}}"
    fastest, median = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"fastest  {line}", fastest)
    assert re.fullmatch(rf"median   {line}", median)


def test_a_marked_test_is_measured_beside_one_without_and_one_by_hand(database, tmp_path, capsys):
    times = marked_tests.measure(database, Namespace(tests=12, rounds=1), tmp_path)
    assert list(times) == list(marked_tests.CONTENDERS)
    assert all(microseconds > 0 for [microseconds] in times.values())
    marked_tests.show(times)
    lines = [re.split("  | adds", line)[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["microseconds a test", *marked_tests.CONTENDERS, "requires_index", "by hand"]
