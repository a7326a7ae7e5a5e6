"""`python -m research fetch`: bars from Alpaca into a folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from research.console import names
from research.errors import BadValue, DataError

if TYPE_CHECKING:
    from live.line import Line
    from live.schedule import Hours
    from research.data.store import BarStore

__all__ = ["fetch"]


def fetch(
    symbols: Annotated[str, typer.Option(help="Symbols to ask for.", metavar="A,B")],
    start: Annotated[str, typer.Option(help="First day, like 2016-01-04.", metavar="DATE")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the store; what is in it is not asked for again. By default one of this feed, "
            "interval and host in the user's data folder.",
            metavar="DIR",
        ),
    ] = None,
    interval: Annotated[str, typer.Option(help="1Min, 5Min, 15Min, 30Min, 1Hour or 1Day.")] = "1Day",
    feed: Annotated[str, typer.Option(help="Whose trades: iex (one exchange) or sip (all).")] = "iex",
    host: Annotated[
        str | None, typer.Option(help="A broker on this machine in Alpaca's place.", metavar="URL")
    ] = None,
) -> None:
    """Fetch bars from Alpaca; keys from APCA_API_KEY_ID and APCA_API_SECRET_KEY, or the settings file.

    It waits where the rate limit asks for it. Interrupted, the same command goes on where it ended.
    """
    from live.keys import data_access
    from live.line import Unhurried
    from live.talk import data_talk, trading_talk
    from research.data.provenance import Origin, Provenance, usual_folder
    from research.data.store import BarStore
    from research.fetching import Filled, fill_store
    from research.files import require_writable

    wanted = names(symbols)
    if not wanted:
        raise BadValue("`--symbols` must name at least one symbol, was empty")
    try:
        first = date.fromisoformat(start)
    except ValueError as problem:
        raise BadValue(f"`--start` must be a day like 2016-01-04, was {start!r}") from problem
    known = data_access(host=host)
    origin = Origin(interval, feed, host=None if host is None else _place(known.data))
    folder = out or usual_folder(origin)
    require_writable(folder)
    Provenance(folder).require(origin)  # before anything is asked of a server whose bars would be a mix

    def told(filled: Filled) -> None:
        now = f"{filled.new} new bars" if filled.asked else "up to date"
        typer.echo(f"{filled.symbol}: {now}, {filled.stored} stored")
        for fault in filled.faults:
            typer.echo(f"note: left out {fault}")

    with _shown(len(dict.fromkeys(wanted))) as (say, done_with):

        def idle(seconds: float) -> None:
            say(f"waiting {seconds:.0f} s for the rate limit")
            time.sleep(seconds)

        def on_symbol(filled: Filled) -> None:
            told(filled)
            done_with()

        store, now = BarStore(folder), datetime.now(UTC)
        filled = fill_store(
            Unhurried(data_talk(known), idle),
            store,
            wanted,
            first,
            now,
            interval=interval,
            feed=feed,
            host=origin.host,
            hours=_hours(Unhurried(trading_talk(known), idle), store, wanted, first, interval),
            on_symbol=on_symbol,
            on_window=lambda symbol, until: say(f"{symbol} to {until:%Y-%m-%d}", passing=True),
        )
    empty = [one.symbol for one in filled if not one.stored]
    if empty:
        typer.echo(f"note: the vendor has no bars of {', '.join(empty)} since {start}")
    if len(empty) < len(filled):
        typer.echo(f"wrote {folder}; use it with --bars {folder}")


def _place(address: str) -> str:
    """Return host and port of an address."""
    return urlsplit(address).netloc.rpartition("@")[2].lower()


def _hours(
    line: Line, store: BarStore, symbols: Sequence[str], first: date, interval: str
) -> list[Hours] | None:
    """Return the broker's sessions that intraday bars are held against, those stored included.

    Raises
    ------
    DataError
        A store with bars that are of no session: those to come would not be of their kind.
    """
    from live.schedule import LENGTHS, sessions_of
    from live.session_bars import in_sessions

    length = LENGTHS.get(interval)
    if length is None:
        return None
    stored = [
        store.read([symbol]).select("symbol", "bar_close") for symbol in symbols if symbol in store.symbols()
    ]
    begins = [bars["bar_close"].dt.date().min() for bars in stored]
    earliest = min([first, *(day for day in begins if isinstance(day, date))])
    hours = sessions_of(line, earliest, datetime.now(UTC).date())
    for bars in stored:
        astray = bars.filter(~in_sessions(bars["bar_close"], hours, length))
        if astray.height:
            symbol, close = astray.row(0)
            raise DataError(
                f"{store.path}: the stored bars must lie in sessions, {astray.height} of {symbol} do not "
                f"(the first closes {close:%Y-%m-%d %H:%M} UTC); fetch into another folder"
            )
    return hours


class _Say:
    """Tell what goes on, on stderr."""

    def __init__(self, shown: Callable[[str], None] | None) -> None:
        self._shown = shown

    def __call__(self, text: str, *, passing: bool = False) -> None:
        if self._shown is not None:
            self._shown(text)
        elif not passing:
            typer.echo(text, err=True)


@contextmanager
def _shown(total: int) -> Iterator[tuple[_Say, Callable[[], None]]]:
    """Show a bar on a terminal, elsewhere lines of what makes it wait; yield what tells and what counts."""
    if not sys.stderr.isatty():
        yield _Say(None), lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("symbols")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fetching", total=total)
        yield (
            _Say(lambda text: progress.update(task, description=text)),
            lambda: progress.advance(task),
        )
