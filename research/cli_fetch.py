"""`python -m research fetch`: bars from Alpaca into a folder."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from research.console import names
from research.errors import BadValue

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
    line = Line(data_talk(access(host=host)))

    def told(filled: Filled) -> None:
        typer.echo(f"{filled.symbol}: {filled.new} new bars, {filled.stored} stored")
        for fault in filled.faults:
            typer.echo(f"note: left out {fault}")

    done = fill_store(
        line, BarStore(out), wanted, first, datetime.now(UTC), on_symbol=told, interval=interval, feed=feed
    )
    empty = [filled.symbol for filled in done if not filled.stored]
    if empty:
        typer.echo(f"note: the vendor has no bars of {', '.join(empty)} since {start}")
