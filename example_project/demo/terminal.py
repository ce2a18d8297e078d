"""The screen of a terminal, drawn by rich."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table as Grid

from example_project.demo.inventory import Build, IndexName, final_name
from example_project.demo.screen import WIDTH, Table


class Terminal:
    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.console.width = min(self.console.width, WIDTH)

    def say(self, line: str = "") -> None:
        self.console.print(escape(line), soft_wrap=True)

    def show(self, table: Table) -> None:
        grid = Grid(title=escape(table.title), title_justify="left", box=box.SIMPLE, pad_edge=False)
        for column in table.columns:
            grid.add_column(
                column.title, justify="right" if column.right else "left", overflow="fold"
            )
        for row in table.rows:
            grid.add_row(*map(escape, row))
        self.console.print(grid)

    @contextmanager
    def progress(self, wanted: Sequence[IndexName]) -> Iterator["TerminalProgress"]:
        bars = Bars(
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
            console=self.console,
        )
        with bars:
            yield TerminalProgress(bars, wanted)


class TerminalProgress:
    """A bar for each schema, and beside it what is being built there now."""

    def __init__(self, bars: Bars, wanted: Sequence[IndexName]) -> None:
        self.bars = bars
        self.wanted = {
            schema: {name for name in wanted if name.schema == schema}
            for schema in dict.fromkeys(name.schema for name in wanted)
        }
        self.tasks: dict[str, TaskID] = {
            schema: bars.add_task(schema, total=len(names), now="")
            for schema, names in self.wanted.items()
        }

    def update(self, valid: set[IndexName], builds: Sequence[Build]) -> None:
        for schema, task in self.tasks.items():
            missing = self.wanted[schema] - valid
            now = [describe(build, missing) for build in builds if build.schema == schema]
            done = len(self.wanted[schema]) - len(missing)
            self.bars.update(task, completed=done, now=", ".join(now))


def describe(build: Build, missing: set[IndexName]) -> str:
    share = "" if build.done is None else f" {build.done:.0%}"
    return f"{final_name(build, missing)}: {build.phase}{share}"
