"""Implementation shortfall: what stood between a decision and its fill, order by order.

In: a journal. Out: a `Shortfall` per order that was to be executed, their total, and what market orders
gave up against the open they were sent for. Costs are USD, positive where they hurt.

* *decision price*: the close at which an entry or exit was decided; the level of a stop or target.
* *arrival price*: the open it was sent for; of a stop or target its level, or the open if that was beyond.
* delay = side × (arrival − decision) × filled; execution = side × (fill − arrival) × filled;
  opportunity = side × (close of the bar it was sent for − decision) × what did not fill; and fees.

A split between decision and open restates the decision. Source: A. Perold, "The implementation shortfall:
paper versus reality", Journal of Portfolio Management 14(3), 1988; the split into delay and execution after
W. Wagner and M. Edwards, "Best execution", Financial Analysts Journal 49(1), 1993.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from live.journal import Journal

__all__ = ["ENOUGH", "Shortfall", "Slippage", "shortfalls", "slippage", "table_of"]

ENOUGH = 20  # market orders before a mean of theirs is worth a word
_MARKET = ("entry", "exit", "stop")  # legs that pay slippage in the backtest; a target is a limit order
_ORDERS = """
    SELECT o.id, o.bar, o.bar_close, o.symbol, o.leg, o.side, o.quantity, o.status, d.close, o.level
    FROM orders o JOIN bars d ON d.bar = o.bar AND d.symbol = o.symbol
    WHERE o.leg IN ('entry', 'exit') OR o.status = 'filled' ORDER BY o.bar, o.symbol, o.leg
"""
_FILLED = """
    SELECT order_id, min(bar), sum(quantity), sum(quantity * price), sum(fee) FROM fills GROUP BY order_id
"""
_EXECUTED = """
    SELECT t.order_id, sum(CAST(e.quantity AS REAL)), sum(CAST(e.quantity AS REAL) * CAST(e.price AS REAL))
    FROM executions e JOIN tracked t ON t.client_id = e.client_id WHERE t.order_id <> '' GROUP BY t.order_id
"""


@dataclass(frozen=True)
class Shortfall:
    """One order's; USD, raw shares, +1 buys.

    Attributes
    ----------
    order, symbol, leg, decided_at : str
        `decided_at` is the close, as the journal has it.
    side : int
    asked, filled : float
        Shares, restated after a split since the decision.
    decision, arrival, fill : float
        Prices; `fill` is the average, NaN if nothing filled.
    delay, execution, opportunity, fees : float
        USD.
    """

    order: str
    symbol: str
    leg: str
    decided_at: str
    side: int
    asked: float
    filled: float
    decision: float
    arrival: float
    fill: float
    delay: float
    execution: float
    opportunity: float
    fees: float

    @property
    def total(self) -> float:
        """All of it, USD."""
        return self.delay + self.execution + self.opportunity + self.fees

    @property
    def worth(self) -> float:
        """What was to be traded, at the decision's price, USD."""
        return self.asked * self.decision

    @property
    def slipped(self) -> float:
        """What execution gave up of the arrival price, basis points; NaN if nothing filled."""
        return 1e4 * self.side * (self.fill / self.arrival - 1.0)


class Slippage(NamedTuple):
    """Mean slippage of market orders and its 95 % interval, basis points."""

    orders: int
    mean: float
    low: float
    high: float


class _Bar(NamedTuple):
    open: float
    close: float
    split: float


def shortfalls(journal: Journal) -> list[Shortfall]:
    """Return the shortfall of every order that was to be executed, by its decision.

    An entry or exit whose bar has not come yet is left out, and so is protection that was never reached.
    """
    bars: dict[str, dict[int, _Bar]] = {}
    for bar, symbol, *numbers in journal.rows(
        "SELECT bar, symbol, open, close, split FROM bars ORDER BY bar"
    ):
        bars.setdefault(symbol, {})[bar] = _Bar(*numbers)
    filled = {row[0]: row[1:] for row in journal.rows(_FILLED)}
    executed = {row[0]: row[1:] for row in journal.rows(_EXECUTED)}  # none in a replay
    protected = {
        (bar, symbol): (stop, target)
        for bar, symbol, stop, target in journal.rows(
            "SELECT bar, symbol, stop_level, target_level FROM decisions"
        )
    }
    found = []
    for row in journal.rows(_ORDERS):
        one = _one(row, bars[row[3]], filled.get(row[0]), executed.get(row[0]), protected)
        if one is not None:
            found.append(one)
    return found


def _one(
    row: Sequence[Any],
    bars: dict[int, _Bar],
    filled: Sequence[Any] | None,
    executed: Sequence[Any] | None,
    protected: dict[tuple[int, str], tuple[float | None, float | None]],
) -> Shortfall | None:
    name, decided, when, symbol, leg, side, quantity, status, close, level = row
    after = (bar for bar in bars if bar > decided)
    if leg == "entry":
        at = next((bar for bar in after if bar == decided + 1), None)
    else:
        at = filled[0] if filled is not None else next(after, None)
    if status == "cancelled" and filled is None and executed is None:
        return None  # nothing was left to close
    if at is None or at not in bars:
        return None  # its bar has not come; an entry without one lapsed, and has no price to be held against
    bar = bars[at]
    shares, spent = 0.0, 0.0
    if executed is not None:
        shares, spent = executed
    elif filled is not None:
        shares, spent = filled[1:3]
    average = spent / shares if shares else math.nan
    asked = float(quantity)
    if leg in ("entry", "exit"):
        split = math.prod(bars[b].split for b in bars if decided < b <= at)
        decision, asked = close / split, asked * split
        arrival = bar.open
    else:
        levels = protected.get((at - 1, symbol), (None, None))
        known = levels[0] if leg == "stop" else levels[1]
        known = level if known is None else known  # filled in its entry's own bar: as it was set
        decision = average if known is None else known / bar.split
        # Beyond the level already at the open: a stop is hurt by it, a target helped.
        beyond = (bar.open - decision) * side * (1 if leg == "stop" else -1) > 0.0
        arrival = bar.open if beyond else decision
        asked = shares
    left = max(asked - shares, 0.0)
    return Shortfall(
        order=name,
        symbol=symbol,
        leg=leg,
        decided_at=when,
        side=side,
        asked=asked,
        filled=shares,
        decision=decision,
        arrival=arrival,
        fill=average,
        delay=side * (arrival - decision) * shares,
        execution=side * (average - arrival) * shares if shares else 0.0,
        opportunity=side * (bar.close - decision) * left,
        fees=float(filled[3]) if filled is not None else 0.0,
    )


def slippage(orders: Sequence[Shortfall]) -> Slippage | None:
    """Return what market orders gave up on average; None with fewer than two that filled."""
    seen = [one.slipped for one in orders if one.leg in _MARKET and one.filled]
    if len(seen) < 2:
        return None
    centre, free = mean(seen), len(seen) - 1
    half = _student(free) * stdev(seen) / math.sqrt(len(seen))
    return Slippage(len(seen), centre, centre - half, centre + half)


def _student(free: int) -> float:
    """Return Student's t at 97.5 %, from the normal quantile (Abramowitz and Stegun, 26.7.5)."""
    z = NormalDist().inv_cdf(0.975)
    terms = (
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
    )
    return z + math.fsum(term / float(free ** (i + 1)) for i, term in enumerate(terms))


def table_of(orders: Sequence[Shortfall]) -> pl.DataFrame:
    """Return orders as a table: their fields, and total in USD and in basis points of what was asked for."""
    rows = [
        {**vars(one), "total": one.total, "bps": 1e4 * one.total / one.worth if one.worth else math.nan}
        for one in orders
    ]
    return pl.DataFrame(rows, infer_schema_length=None)
