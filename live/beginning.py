"""What is asked of the broker before an account is traded: its symbols, its money, the bars of its past.

In: a request, lines to the broker. Out: bars for a new journal, or the one line that says why not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from live.schedule import LENGTHS, sessions_of
from live.warmup import HISTORY_DAYS
from research.errors import BadValue, Unreachable

if TYPE_CHECKING:
    import polars as pl

    from live.alpaca import AlpacaAccount
    from live.limits import Limits
    from live.lines import Lines
    from research.request import Request

__all__ = ["begin_with", "first_day", "require_tradable"]


def first_day(history: str | None) -> date | None:
    """Return the day of ``--history``; None if it was not given.

    Raises
    ------
    BadValue
        It is none.
    """
    try:
        return None if history is None else date.fromisoformat(history)
    except ValueError:
        raise BadValue(f"--history must be a day like 2016-01-04, was {history!r}") from None


def require_tradable(symbols: Sequence[str], account: AlpacaAccount) -> None:
    """Refuse symbols that the broker does not know or does not trade; each is a request of its own."""
    from live.account_payloads import asset_of

    for symbol in symbols:
        found = account.asset(symbol)
        if found is None:
            raise BadValue(f"symbol {symbol} is not known to the broker; see the list of its assets")
        name = found.get("symbol", symbol)
        if name != symbol:  # else no position and no restriction would be known as its
            raise BadValue(f"symbol {symbol} is {name} to the broker; write it so")
        asset = asset_of(found)
        if not (asset.active and asset.tradable):
            raise BadValue(f"symbol {symbol} cannot be traded at the broker now; leave it out")


def begin_with(
    request: Request, lines: Lines, limits: Limits, timeframe: str, feed: str, history: str | None
) -> pl.DataFrame:
    """Return the bars that a new journal begins with, of a run that the account can pay for.

    Parameters
    ----------
    request : Request
    lines : Lines
    limits : Limits
        Told of the account's equity.
    timeframe, feed : str
    history : str or None
        The first day of the bars; None: as far back as bars of this length need.
    """
    from live.account_payloads import account_of
    from live.vendor import fetch

    # A journal that exists goes on with a symbol that is halted: the stops of the others are moved.
    require_tradable(request.symbols or (), lines.patient)
    equity = account_of(lines.patient.account()).equity
    if equity is None:
        raise Unreachable("the broker does not say what the account's equity is; try again later")
    if request.initial_capital > equity:
        raise BadValue(
            f"--capital must be at most the account's equity, was {request.initial_capital:g} of "
            f"{equity:.2f} USD; give --capital {math.floor(equity)} or less"
        )
    limits.seen(equity)
    now = lines.patient.clock().now
    first = first_day(history) or (now - timedelta(days=HISTORY_DAYS[timeframe])).date()
    hours = None if LENGTHS[timeframe] is None else sessions_of(lines.patient_trading, first, now.date())
    symbols = request.symbols or ()
    told = fetch(lines.patient_data, symbols, first, now, interval=timeframe, feed=feed, hours=hours)
    if told.missing:
        raise BadValue(
            f"symbols {', '.join(told.missing)} must have bars since {first}, the vendor has none; "
            "leave them out"
        )
    return told.bars
