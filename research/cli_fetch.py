"""`python -m research fetch`: bars from Alpaca into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from research.console import names
from research.errors import BadValue, DataError

if TYPE_CHECKING:
    from live.keys import Access
    from live.schedule import Hours
    from research.data.store import BarStore

__all__ = ["fetch"]


def fetch(
    symbols: Annotated[str, typer.Option(help="Symbols to ask for.", metavar="A,B")],
    start: Annotated[str, typer.Option(help="First day, like 2016-01-04.", metavar="DATE")],
    out: Annotated[Path, typer.Option(help="Folder of the store; what is in it is not asked for again.")],
    interval: Annotated[str, typer.Option(help="1Min, 5Min, 15Min, 30Min, 1Hour or 1Day.")] = "1Day",
    feed: Annotated[str, typer.Option(help="Whose trades: iex (one exchange) or sip (all).")] = "iex",
    host: Annotated[
        str | None, typer.Option(help="A broker on this machine in Alpaca's place.", metavar="URL")
    ] = None,
) -> None:
    """Fetch bars from Alpaca; keys from APCA_API_KEY_ID and APCA_API_SECRET_KEY, or the settings file."""
    from live.keys import access
    from live.line import Line
    from live.talk import data_talk
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
    require_writable(out)
    known, store, now = access(host=host), BarStore(out), datetime.now(UTC)
    hours = _hours(known, store, wanted, first, interval)
    line = Line(data_talk(known))

    def told(filled: Filled) -> None:
        typer.echo(f"{filled.symbol}: {filled.new} new bars, {filled.stored} stored")
        for fault in filled.faults:
            typer.echo(f"note: left out {fault}")

    done = fill_store(
        line, store, wanted, first, now, on_symbol=told, interval=interval, feed=feed, hours=hours
    )
    empty = [filled.symbol for filled in done if not filled.stored]
    if empty:
        typer.echo(f"note: the vendor has no bars of {', '.join(empty)} since {start}")


def _hours(
    known: Access, store: BarStore, symbols: Sequence[str], first: date, interval: str
) -> list[Hours] | None:
    """Return the broker's sessions that intraday bars are held against, those stored included.

    Raises
    ------
    DataError
        A store with bars that are of no session: those to come would not be of their kind.
    """
    from live.alpaca import AlpacaAccount
    from live.line import Line
    from live.schedule import LENGTHS, sessions_of
    from live.session_bars import in_sessions
    from live.talk import trading_talk

    length = LENGTHS.get(interval)
    if length is None:
        return None
    stored = [
        store.read([symbol]).select("symbol", "bar_close") for symbol in symbols if symbol in store.symbols()
    ]
    begins = [bars["bar_close"].dt.date().min() for bars in stored]
    earliest = min([first, *(day for day in begins if isinstance(day, date))])
    hours = sessions_of(AlpacaAccount(Line(trading_talk(known))), earliest, datetime.now(UTC).date())
    for bars in stored:
        astray = bars.filter(~in_sessions(bars["bar_close"], hours, length))
        if astray.height:
            symbol, close = astray.row(0)
            raise DataError(
                f"{store.path}: the stored bars must lie in sessions, {astray.height} of {symbol} do not "
                f"(the first closes {close:%Y-%m-%d %H:%M} UTC); fetch into another folder"
            )
    return hours
