"""A progress bar on the terminal for work that goes bar by bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bars_shown", "steps_shown"]


@contextmanager
def bars_shown(what: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """Show how many bars are done, where somebody can see it; give a function that counts them.

    Parameters
    ----------
    what : str
    total : int
        Bars there are.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("bars"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.advance(task, n)


@contextmanager
def steps_shown(what: str) -> Iterator[Callable[[str], None]]:
    """Show, where somebody can see it, which step of some work goes on; give a function that is told it.

    Parameters
    ----------
    what : str
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield lambda step: status.update(f"{what}: {step}")
