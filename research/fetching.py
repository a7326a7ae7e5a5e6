"""Fill a `BarStore` from Alpaca, resumably: what is stored is not asked for again.

In: symbols, a first day, a store. Out: what each symbol brought. A symbol is asked for by itself and written
whole before the next one, so an interruption costs one symbol at most. A stored symbol goes on from its last
bar, which is asked for once more: where splits and dividends have re-based `adj_factor` since, it is the
anchor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from live.line import Line
from live.vendor import fetch
from research.data.store import BarStore

__all__ = ["Filled", "fill_store"]


@dataclass(frozen=True)
class Filled:
    """What one symbol brought.

    Attributes
    ----------
    symbol : str
    new : int
        Bars that were not stored before.
    stored : int
        Bars that are stored now.
    faults : tuple of str
        Bars that were left out, and why.
    """

    symbol: str
    new: int
    stored: int
    faults: tuple[str, ...]


def fill_store(
    line: Line,
    store: BarStore,
    symbols: Sequence[str],
    start: date,
    end: datetime,
    *,
    on_symbol: Callable[[Filled], None] | None = None,
    **what: Any,
) -> list[Filled]:
    """Ask for every bar of some symbols that is not stored yet.

    Parameters
    ----------
    line : Line
        To the data host.
    store : BarStore
    symbols : sequence of str
    start : date
        The first day of symbols that are not stored.
    end : datetime
        UTC; bars that end later are left out.
    on_symbol : callable, optional
        Told of each symbol when its bars are on disk.
    **what
        `interval` and `feed` of `live.vendor.fetch`.

    Returns
    -------
    list of Filled
        A symbol of which the vendor says nothing has no bars.

    Raises
    ------
    Unreachable, KeysRefused, BadValue
        As `live.vendor.fetch`; what was written before stays.
    DataError
        Stored bars that the vendor now tells otherwise.
    """
    out = []
    for symbol in dict.fromkeys(symbols):
        known = symbol in store.symbols()
        last = store.read([symbol])["bar_close"].max() if known else None
        begin = last.date() if isinstance(last, datetime) else start
        told = fetch(line, [symbol], begin, end, **what)
        bars = told.bars
        if isinstance(last, datetime):
            # What was stored stays; of the old bars only the anchor is written again, which changes nothing.
            bars = bars.filter(pl.col("bar_close") >= last)
        if bars.height:
            store.write(bars)
        new = bars.height if last is None else bars.filter(pl.col("bar_close") > last).height
        stored = store.read([symbol]).height if symbol in store.symbols() else 0
        out.append(Filled(symbol, new, stored, told.faults))
        if on_symbol is not None:
            on_symbol(out[-1])
    return out
