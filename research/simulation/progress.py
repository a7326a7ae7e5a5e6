"""Progress of long work: a bar for people at a terminal, a function for programs, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Report", "reporting"]

Report = Callable[[float, int], None]


@contextmanager
def reporting(progress: bool | Report, total: int, doing: str = "sweep") -> Iterator[Report]:
    """Give a function that is told how many cells are done, of how many.

    Parameters
    ----------
    progress : bool or callable
        True: a bar on stderr with cells per second and time left, where stderr is a terminal or a
        notebook. A function: that one. False: nothing.
    total : int
        Cells in all.
    doing : str
        What the bar says.
    """
    if callable(progress):
        yield progress
        return
    from rich.console import Console

    console = Console(stderr=True)
    if not progress or not (console.is_terminal or console.is_jupyter):
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells {task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(doing, total=total, rate="")

        def told(done: float, total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "")

        yield told
