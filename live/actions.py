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

_KINDS = ("forward_splits", "reverse_splits", "unit_splits")


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
    rows = told.get("corporate_actions") if isinstance(told, Mapping) else None
    if not isinstance(rows, Mapping):
        raise Unreachable("the corporate actions cannot be read; they are asked for at the next turn")
    splits: dict[str, Decimal] = {}
    for kind in _KINDS:
        for row in rows.get(kind) or ():
            if not isinstance(row, Mapping) or row.get("ex_date") != day.isoformat():
                continue
            symbol, new, old = (
                row.get("symbol"),
                amount_of(row.get("new_rate")),
                amount_of(row.get("old_rate")),
            )
            if symbol in wanted and new and old and new > 0 and old > 0:
                splits[str(symbol)] = splits.get(str(symbol), Decimal(1)) * new / old
    return splits
