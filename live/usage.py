"""How much of each limit is used, as far as a journal can tell.

In: where a run stands, the account's equity and what losses are measured from, the rules in force. Out: a row
for each limit. What only the runner knows, such as the distance of the clocks, is said to be not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from live.allowed import rules_of_text
from live.limits import Latch, Marks
from live.payloads import amount_of, instant_of
from live.reading import Reading
from live.risk_context import Purpose, Rules
from live.standing import Standing

__all__ = ["Usage", "clock_of", "equity_of", "latches_of", "marks_of", "rules_of", "usage_of"]

ZERO: Final = Decimal(0)
_NAMES: Final = {
    "order_quantity": "order quantity",
    "order_notional": "order notional",
    "position_notional": "position notional",
    "position_share": "position share",
    "gross_exposure": "gross exposure",
    "positions": "positions",
    "open_orders": "open orders",
    "orders_per_minute": "orders per minute",
    "orders_per_day": "orders per day",
    "daily_loss": "daily loss",
    "drawdown": "drawdown",
    "collar": "price collar",
    "stale_after": "stale bar",
    "clock_skew": "clock skew",
}
_SHARES_OF_ONE: Final = frozenset({"position_share", "gross_exposure", "daily_loss", "drawdown", "collar"})
_USD: Final = frozenset({"order_notional", "position_notional"})


@dataclass(frozen=True, slots=True)
class Usage:
    """One limit: what is used and what is allowed, in words; `share` is their ratio, None not known."""

    name: str
    used: str
    allowed: str
    share: float | None


def latches_of(limits: Reading) -> tuple[Latch, ...]:
    """Return what is latched, oldest first."""
    rows = limits.rows("SELECT name, at, text FROM latches ORDER BY at, name") if limits.begun else []
    return tuple(Latch(*row) for row in rows)


def marks_of(limits: Reading) -> Marks | None:
    """Return the equity that losses are measured from; None before the first was noted."""
    query = "SELECT day, day_equity, peak_equity FROM equity_marks"
    for day, at_open, peak in limits.rows(query) if limits.begun else []:
        return Marks(day, amount_of(at_open) or ZERO, amount_of(peak) or ZERO)
    return None


def rules_of(limits: Reading) -> Rules | None:
    """Return the limits that the last run at the account was held to; None: the file does not say."""
    told = dict(limits.rows("SELECT name, value FROM rules")) if _has(limits, "rules") else {}
    return rules_of_text(told)


def equity_of(limits: Reading) -> Decimal | None:
    """Return the account's equity at the runner's last look; None: the file does not say."""
    rows = limits.rows("SELECT equity FROM equity_last") if _has(limits, "equity_last") else []
    return amount_of(rows[0][0]) if rows else None


def clock_of(limits: Reading) -> datetime | None:
    """Return the time at a broker that plays old bars, as of the runner's last look; None: it is ours."""
    rows = limits.rows("SELECT at FROM clock_last") if _has(limits, "clock_last") else []
    return instant_of(rows[0][0]) if rows else None


def _has(limits: Reading, table: str) -> bool:
    """Say whether a file is new enough to have a table."""
    return bool(limits.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table))


def usage_of(
    now: Standing, marks: Marks | None, at: datetime, rules: Rules | None, equity: Decimal | None
) -> tuple[Usage, ...]:
    """Return each limit, used and allowed.

    Parameters
    ----------
    now : Standing
    marks : Marks or None
    at : datetime
        UTC.
    rules : Rules or None
        Those of the run; None: not known.
    equity : Decimal or None
        The account's, USD, as the door knows it: not the run's own, which began with a part of it.
    """
    used = _used(now, marks, at, equity)
    rows = (
        _row(field, used.get(field), None if rules is None else getattr(rules, field)) for field in _NAMES
    )
    return (*rows, _restricted(now, rules))


def _restricted(now: Standing, rules: Rules | None) -> Usage:
    """Return the row of the symbols that must not be entered; those held all the same are what is used."""
    if rules is None:
        return Usage("restricted", "–", "–", None)
    held = sorted({p.symbol for p in now.positions} & rules.restricted)
    allowed = f"all but {', '.join(sorted(rules.restricted))}" if rules.restricted else "all symbols"
    return Usage("restricted", ", ".join(held) or "none held", allowed, 1.0 if held else 0.0)


def _used(
    now: Standing, marks: Marks | None, at: datetime, equity: Decimal | None
) -> Mapping[str, Decimal | int | timedelta | None]:
    worth = {p.symbol: abs(p.quantity) * p.price for p in now.positions if p.price is not None}
    known = len(worth) == len(now.positions)
    gross = sum(worth.values(), ZERO) if known else None
    largest = max(worth.values(), default=ZERO) if known else None
    day = [row for row in now.sent if at - row[0] < timedelta(days=1)]
    minute = [row for row in day if at - row[0] < timedelta(minutes=1)]
    entries = [(symbol, shares) for _, symbol, shares, purpose in day if purpose == Purpose.ENTER]
    prices = now.prices
    held = {p.symbol for p in now.positions}
    return {
        "order_quantity": max((shares for _, shares in entries), default=ZERO),
        "order_notional": max((shares * prices.get(s, ZERO) for s, shares in entries), default=ZERO),
        "position_notional": largest,
        "position_share": _over(largest, equity),
        "gross_exposure": _over(gross, equity),
        "positions": len(held | {o.symbol for o in now.orders if o.purpose == Purpose.ENTER}),
        "open_orders": sum(not o.leg for o in now.orders),
        "orders_per_minute": len(minute),
        "orders_per_day": len(day),
        "daily_loss": None if marks is None else _loss(equity, marks.day_equity),
        "drawdown": None if marks is None else _loss(equity, marks.peak_equity),
        "stale_after": None if now.last_bar is None else max(at - now.last_bar, timedelta(0)),
    }


def _over(value: Decimal | None, equity: Decimal | None) -> Decimal | None:
    return value / equity if value is not None and equity is not None and equity > 0 else None


def _loss(equity: Decimal | None, since: Decimal) -> Decimal | None:
    return None if equity is None or since <= 0 else max((since - equity) / since, ZERO)


def _row(
    field: str, used: Decimal | int | timedelta | None, allowed: Decimal | int | timedelta | None
) -> Usage:
    share = None
    if used is not None and allowed is not None:
        size = allowed.total_seconds() if isinstance(allowed, timedelta) else float(allowed)
        spent = used.total_seconds() if isinstance(used, timedelta) else float(used)
        share = spent / size if size > 0 else (0.0 if spent == 0 else float("inf"))
    return Usage(_NAMES[field], _told(field, used), _told(field, allowed), share)


def _told(field: str, value: Decimal | int | timedelta | None) -> str:
    return "–" if value is None else _text(field, value)


def _text(field: str, value: Decimal | int | timedelta) -> str:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        if seconds >= 48 * 3600:
            return f"{seconds / 86400:,.1f} days"
        return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:g} s"
    if field in _SHARES_OF_ONE:
        return f"{value:.1%}"
    return (
        f"{value:,.0f} USD" if field in _USD else f"{value:,f}" if isinstance(value, Decimal) else str(value)
    )
