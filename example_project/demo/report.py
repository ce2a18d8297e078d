"""What was measured, as tables."""

from collections.abc import Sequence

from alembic_index_ops import ObservedIndex, describe_key
from example_project.demo.inventory import IndexName
from example_project.demo.measure import Measurement
from example_project.demo.pattern import Claim, Document, Pattern
from example_project.demo.screen import Column, Table

# Below this a difference between two medians says nothing.
WORTH_NAMING = 1.2

INDEX_COLUMNS = (
    Column("table", 25),
    Column("index and definition", 56),
    Column("size", 8, right=True),
    Column("valid", 5),
)
PATTERN_COLUMNS = (
    Column("query and what served it", 50),
    Column("before", 10, right=True),
    Column("after", 10, right=True),
    Column("speed-up", 8, right=True),
    Column("claimed", 14),
)


def index_table(
    schema: str, wanted: Sequence[IndexName], stored: dict[IndexName, ObservedIndex]
) -> Table:
    rows = []
    for name in wanted:
        index = stored.get(name)
        if index is None:
            rows.append((name.table, name.index, "", "MISSING"))
        else:
            kilobytes = f"{index.size / 1024:,.0f} kB"
            valid = "yes" if index.usable else "INVALID"
            rows.append((name.table, f"{name.index}\n  {definition(index)}", kilobytes, valid))
    return Table(f"Indexes of {schema}", INDEX_COLUMNS, rows)


def definition(index: ObservedIndex) -> str:
    """What the index is, and which revision built or adopted it, as its comment says."""
    spec = index.spec
    parts = [f"({', '.join(map(describe_key, spec.key_columns))})"]
    if spec.unique:
        parts.insert(0, "UNIQUE")
    if spec.included_columns:
        parts.append(f"INCLUDE ({', '.join(spec.included_columns)})")
    if spec.predicate:
        parts.append(f"WHERE {spec.predicate}")
    comments = (index.comment or "").splitlines()
    tags = [line.removeprefix("alembic_index_ops: ") for line in comments]
    return ", ".join([" ".join(parts), *tags])


def unusable(
    wanted: Sequence[IndexName], stored: dict[IndexName, ObservedIndex]
) -> list[IndexName]:
    """The declared indexes that are missing, or there but not valid."""
    return [name for name in wanted if name not in stored or not stored[name].usable]


def pattern_table(
    document: Document,
    before: dict[Pattern, Measurement],
    after: dict[Pattern, Measurement],
) -> Table:
    rows = [pattern_row(pattern, before[pattern], after[pattern]) for pattern in document.patterns]
    return Table(f'Queries of {document.system}, from "{document.title}"', PATTERN_COLUMNS, rows)


def pattern_row(pattern: Pattern, before: Measurement, after: Measurement) -> tuple[str, ...]:
    ratio = speed_up(before, after)
    return (
        f"{pattern.title}\n  {served_by(before, after)}",
        f"{before.milliseconds:.3f} ms",
        f"{after.milliseconds:.3f} ms",
        f"{ratio:.1f}x" if ratio < 10 else f"{ratio:.0f}x",
        verdict(pattern.claim, ratio),
    )


def speed_up(before: Measurement, after: Measurement) -> float:
    return before.milliseconds / after.milliseconds


def served_by(before: Measurement, after: Measurement) -> str:
    """The indexes that the plan names after the migration, or why it names none."""
    if not after.indexes:
        return f"reads the table: {after.matched:,} of {after.read:,} rows match"
    indexes = ", ".join(after.indexes)
    if not before.indexes:
        return indexes
    if before.indexes == after.indexes:
        return f"{indexes}, as before"
    return f"{indexes}\n  before: {', '.join(before.indexes)}"


def verdict(claim: Claim, ratio: float) -> str:
    if claim.speed_up is None:
        return claim.quote
    return f"{claim.quote}\n{'met' if ratio >= claim.speed_up else 'not met'}"


def summary(before: dict[Pattern, Measurement], after: dict[Pattern, Measurement]) -> list[str]:
    """Counts over all patterns, those that gain nothing by their reason."""
    ratios = {pattern: speed_up(before[pattern], after[pattern]) for pattern in before}
    served = [pattern for pattern in ratios if before[pattern].indexes]
    scanned = [pattern for pattern in ratios if not after[pattern].indexes]
    helped = [pattern for pattern in ratios if pattern not in (*served, *scanned)]
    faster = [pattern for pattern in helped if ratios[pattern] >= WORTH_NAMING]
    promised = [pattern for pattern in ratios if pattern.claim.speed_up is not None]
    kept = [pattern for pattern in promised if ratios[pattern] >= (pattern.claim.speed_up or 0)]
    return [
        f"Of {len(ratios)} queries",
        f"  {len(faster)} gained by a new index,",
        f"  {len(helped) - len(faster)} use a new index and are hardly faster,",
        f"  {len(served)} had an index before: a primary key, a constraint or an older index,",
        f"  {len(scanned)} go on reading the table, since it is small or most of its rows match.",
        f"{len(kept)} of {len(promised)} claims with a figure are met at this size.",
    ]
