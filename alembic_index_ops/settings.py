"""How to build: one frozen value, and the one place that layers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from alembic_index_ops.durations import parse_duration
from alembic_index_ops.errors import ArgumentError


def _parse_memory(value: object, label: str) -> str:
    found = isinstance(value, str) and re.fullmatch(r"\s*(\d+)\s*(kB|MB|GB|TB)\s*", value)
    if not found:
        raise ArgumentError(f'{label} is {value!r}; write the amount with its unit, like "512MB"')
    return f"{found[1]}{found[2]}"


def _parse_workers(value: object, label: str) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdigit() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 1024:
        raise ArgumentError(f"{label} is {value!r}; give a number of processes from 0 to 1024")
    return number


def _parse_parallel(value: object, label: str) -> int:
    number = _parse_workers(value, label)
    if number < 1:
        raise ArgumentError(f"{label} is {value!r}; at least one has to work")
    return number


def _parse_switch(value: object, label: str) -> bool:
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    switch = words.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(switch, bool):
        raise ArgumentError(f"{label} is {value!r}; it is True or False (on or off)")
    return switch


@dataclass(frozen=True, slots=True)
class Settings:
    """What a build may take; never a part of what an index is. Times are seconds.

    `lock_timeout`: for the table's lock (SHARE UPDATE EXCLUSIVE), which makes no reader and no
    writer wait. The server's deadlock_timeout plus half a second is its floor.
    `drain_timeout`: for the end of older transactions and snapshots, while a build waits for them.
    `stall_timeout`: each try for a lock behind which readers or writers queue.
    `maintenance_work_mem`, `max_parallel_maintenance_workers`: of the session, while it builds.
    `analyze`: run ANALYZE afterwards, which an index on an expression needs to be of use.
    `workers`: connections that build at once, each on a table or partition of its own.
    `show_duplicates`: list the duplicate keys that a unique index met; they may be personal data.
    `duplicates_timeout`: for finding them.
    """

    lock_timeout: float = field(default=300.0, metadata={"parse": parse_duration})
    stall_timeout: float = field(default=0.1, metadata={"parse": parse_duration})
    drain_timeout: float = field(default=900.0, metadata={"parse": parse_duration})
    maintenance_work_mem: str | None = field(default=None, metadata={"parse": _parse_memory})
    max_parallel_maintenance_workers: int | None = field(
        default=None, metadata={"parse": _parse_workers}
    )
    analyze: bool = field(default=False, metadata={"parse": _parse_switch})
    workers: int = field(default=1, metadata={"parse": _parse_parallel})
    show_duplicates: bool = field(default=True, metadata={"parse": _parse_switch})
    duplicates_timeout: float = field(default=10.0, metadata={"parse": parse_duration})

    @property
    def of_session(self) -> dict[str, str]:
        """The server's settings, by name, for more memory or processes while an index is built."""
        asked = {
            "maintenance_work_mem": self.maintenance_work_mem,
            "max_parallel_maintenance_workers": self.max_parallel_maintenance_workers,
        }
        return {name: str(value) for name, value in asked.items() if value is not None}


SETTING_NAMES = tuple(each.name for each in fields(Settings))


def layer_settings(*layers: tuple[str, Mapping[str, object]]) -> Settings:
    """Settings from layers, the strongest first, each with the name that messages call it by.

    None in a layer means "not said here". Raises ArgumentError for an unknown or malformed
    setting, which names the layer.
    """
    parsers = {each.name: each.metadata["parse"] for each in fields(Settings)}
    values: dict[str, object] = {}
    for source, layer in layers:
        for name, value in layer.items():
            if name not in parsers:
                raise ArgumentError(
                    f"{source}: there is no setting {name!r}; known: {', '.join(sorted(parsers))}"
                )
            if value is not None:
                values.setdefault(name, parsers[name](value, f"{source}: {name}"))
    return Settings(**values)  # type: ignore[arg-type]
