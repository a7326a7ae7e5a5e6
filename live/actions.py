"""Splits of today: what a broker does to shares before any bar tells of it.

In: the vendor's corporate actions, symbols, a day. Out: by symbol, the shares that one share becomes at that
day's open. Reconciliation explains a changed position by them; the engine takes the split with its bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from live.line import Line
from live.payloads import amount_of
from research.errors import Unreachable

__all__ = ["splits_on"]

_KINDS = ("forward_splits", "reverse_splits")


def splits_on(line: Line, symbols: Iterable[str], day: date) -> dict[str, Decimal]:
    """Return the splits that are effective at a day's open.

    Parameters
    ----------
    line : Line
        To the corporate actions' host.
    symbols : iterable of str
    day : date
        In New York.

    Raises
    ------
    Unreachable
        No answer, or one that cannot be read: a split that is not known looks like a trade by hand.
    """
    wanted = sorted(set(symbols))
    query = {
        "symbols": ",".join(wanted),
        "types": "forward_split,reverse_split",
        "start": day.isoformat(),
        "end": day.isoformat(),
        "limit": 1000,
    }
    told = line.read("/corporate-actions", query)
    kinds = told.get("corporate_actions") if isinstance(told, Mapping) else None
    splits: dict[str, Decimal] = {}
    for kind in _KINDS:
        rows = kinds.get(kind) if isinstance(kinds, Mapping) else False
        # A kind of which there is nothing is absent, or null.
        for row in [] if rows is None else rows if isinstance(rows, list) else [None]:
            split = _read(row)
            if split is None:
                raise Unreachable("the corporate actions cannot be read; they are asked for at the next turn")
            symbol, at, ratio = split
            if symbol in wanted and at == day:
                splits[symbol] = splits.get(symbol, Decimal(1)) * ratio
    return splits


def _read(row: object) -> tuple[str, date, Decimal] | None:
    """Return a split's symbol, day and shares that one share becomes; None if a part cannot be read."""
    if not isinstance(row, Mapping):
        return None
    symbol, new, old = row.get("symbol"), amount_of(row.get("new_rate")), amount_of(row.get("old_rate"))
    try:
        day = date.fromisoformat(str(row.get("ex_date")))
    except ValueError:
        return None
    if not isinstance(symbol, str) or not symbol or new is None or old is None or new <= 0 or old <= 0:
        return None
    return symbol, day, new / old
