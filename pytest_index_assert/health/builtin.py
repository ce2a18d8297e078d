"""The checks that come with the plugin, in the order in which they are collected."""

from __future__ import annotations

from pytest_index_assert.health import (
    containers,
    duplicates,
    foreign_keys,
    model,
    partitions,
    prefixes,
    round_trip,
    usable,
)
from pytest_index_assert.health.check import AnyCheck, HealthCheck, ProjectCheck

CHECKS: tuple[AnyCheck, ...] = (
    HealthCheck(usable.INVALID, usable.find_invalid),
    HealthCheck(usable.DEBRIS, usable.find_debris),
    HealthCheck(foreign_keys.NAME, foreign_keys.find),
    HealthCheck(duplicates.NAME, duplicates.find),
    HealthCheck(prefixes.NAME, prefixes.find),
    HealthCheck(containers.NAME, containers.find),
    HealthCheck(partitions.NAME, partitions.find),
    ProjectCheck(model.NAME, model.examine),
    ProjectCheck(round_trip.NAME, round_trip.examine),
)
