"""What one bar leaves in the journal: an `Advance` of one bar as rows.

In: what the engine brought, and the orders as they stand after it. Out: a
`BarRecord`, plain tuples in the order of the tables of `live.schema`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from live.book import Book
from live.orders import Leg, Order, Status
from research.kernels import account as ac

if TYPE_CHECKING:
    from research.advance import Advance
    from research.data.panel import Panel
    from research.strategies import Strategy

__all__ = [
    "BAR_FIELDS",
    "BarRecord",
    "Event",
    "instant_of",
    "order_of",
    "order_row",
    "record_of",
    "text_of",
    "utc_of",
]

Row = tuple[Any, ...]
BAR_FIELDS = ("open", "high", "low", "close", "volume", "factor", "split", "dividend")


@dataclass(frozen=True)
class Event:
    """Something that must not pass in silence."""

    kind: str
    text: str
    symbol: str | None = None


@dataclass(frozen=True)
class BarRecord:
    """Everything that one bar writes, in one transaction."""

    bar: int
    bar_close: np.datetime64
    bars: list[Row]
    decisions: list[Row]
    fills: list[Row]
    equity: Row
    orders: list[Order]
    events: list[Event]


def text_of(instant: np.datetime64) -> str:
    """Return an instant as UTC text, such as 2012-01-03T21:00:00Z."""
    text = str(np.datetime_as_string(instant.astype("datetime64[us]"), unit="us"))
    return text.removesuffix(".000000") + "Z"


def instant_of(text: str) -> np.datetime64:
    """Return the instant that `text_of` wrote."""
    return np.datetime64(text.removesuffix("Z"), "us")


def utc_of(instant: np.datetime64) -> datetime:
    """Return an instant as a datetime that says that it is UTC."""
    found: datetime = instant.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def order_row(order: Order) -> Row:
    """Return an order as the journal's table holds it."""
    o = order
    return (
        o.id, o.bar, text_of(o.bar_close), o.symbol, o.leg, o.side, o.quantity, o.reason,
        o.stop, o.target, o.trail, o.limit, o.level, o.status, int(o.sent), o.note,
    )  # fmt: skip


def order_of(row: Row) -> Order:
    """Return the order that `order_row` wrote."""
    name, bar, when, symbol, leg, side, quantity, reason = row[:8]
    stop, target, trail, limit, level = (math.nan if x is None else float(x) for x in row[8:13])
    status, sent, note = row[13:]
    return Order(
        name, symbol, Leg(leg), bar, instant_of(when), side, quantity, reason,
        stop, target, trail, limit, level, Status(status), bool(sent), note,
    )  # fmt: skip


def record_of(
    brought: Advance,
    account: ac.Account,
    strategy: Strategy,
    book: Book,
    absent: set[str],
) -> BarRecord:
    """Return what a bar leaves in the journal.

    Parameters
    ----------
    brought : Advance
        Of one bar.
    account : Account
        After it.
    strategy : Strategy
    book : Book
        Open orders before it.
    absent : set of str
        Symbols that had bars once but not in the bar before; changed to this bar's.
    """
    panel = brought.panel
    gates = [strategy.gate_name(code) for code in brought.gates[:, 0]]
    bar = int(account.totals[ac.A_BARS]) - 1
    when = text_of(panel.bar_close[0])
    members = np.flatnonzero(panel.members(0))
    orders = book.after(brought, account)
    fills = _fills(brought, book, when)
    events = _absences(panel, account, absent)
    events += [
        Event("lapsed", f"entry of {order.quantity:g} shares lapsed: {order.note}", order.symbol)
        for order in orders
        if order.status is Status.LAPSED
    ]
    events += [
        Event("cut", f"entry {order.note}", order.symbol)
        for order in orders
        if order.status is Status.FILLED and order.note
    ]
    if brought.spoken is not None:
        events += [Event(f"model {h.kind}", h.text) for h in brought.spoken.happenings]
    return BarRecord(
        bar=bar,
        bar_close=panel.bar_close[0],
        bars=[
            (bar, when, panel.symbols[k], *(float(getattr(panel, name)[0, k]) for name in BAR_FIELDS))
            for k in members
        ],
        decisions=[_decision(brought, gates[k], bar, when, k) for k in members],
        fills=fills,
        equity=(bar, when, float(brought.equity[0]), float(brought.cash[0]), float(brought.exposure[0])),
        orders=orders,
        events=events,
    )


def _decision(brought: Advance, gate: str, bar: int, when: str, k: np.intp) -> Row:
    from research.kernels import signals as sg  # Numba: not for those who only ask for --help

    read = brought.features[:, k, 0].tolist()
    scores: dict[str, float | str | None] = {
        n: None if math.isnan(v) else v for n, v in zip(brought.names, read, strict=True)
    }
    if brought.spoken is not None:
        scores["model"] = brought.spoken.models[0]
    signal: list[float] = brought.signals[:, k, 0].tolist()
    decided: list[float] = brought.decided[k, 0].tolist()
    return (
        bar,
        when,
        brought.panel.symbols[k],
        json.dumps(scores),
        int(signal[sg.ENTRY]),
        int(signal[sg.EXIT]),
        *signal[sg.WEIGHT : sg.LIMIT + 1],
        gate,
        decided[ac.I_HELD],
        decided[ac.I_SIDE] * decided[ac.I_QTY],
        ac.REASON_NAMES[int(decided[ac.I_REASON])] if decided[ac.I_SIDE] else "",
        decided[ac.I_PROTECT],
        decided[ac.I_GOAL],
    )


def _fills(brought: Advance, book: Book, when: str) -> list[Row]:
    rows = []
    for order in brought.orders.tolist():
        symbol = brought.panel.symbols[int(order[ac.O_SYMBOL])]
        reason = ac.REASON_NAMES[int(order[ac.O_REASON])]
        decided = int(order[ac.O_DECIDED])
        rows.append(
            (
                book.filled_by(symbol, decided, reason).id,
                int(order[ac.O_BAR]),
                when,
                symbol,
                int(order[ac.O_SIDE]),
                order[ac.O_QTY],
                order[ac.O_PRICE],
                order[ac.O_FEE],
                reason,
                int(order[ac.O_AMBIGUOUS]),
                decided,
            )
        )
    return rows


def _absences(panel: Panel, account: ac.Account, absent: set[str]) -> list[Event]:
    """Tell when a symbol that had bars stops having them, and when it comes back; change `absent`."""
    events = []
    here = panel.members(0)
    for k, symbol in enumerate(panel.symbols):
        if here[k]:
            if symbol in absent:
                absent.discard(symbol)
                events.append(Event("bars again", "bars come in again", symbol))
        elif symbol not in absent and not math.isnan(account.positions[k, ac.P_MARK]):
            absent.add(symbol)
            events.append(Event("missing bar", "no bar from here on; nothing is decided for it", symbol))
    return events
