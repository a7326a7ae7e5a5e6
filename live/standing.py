"""Where a run stands, from its journal alone: last decisions, open orders, positions and what protects them.

In: a journal. Out: records. Of a replay the account is the engine's own; of paper and live trading it is what
the broker told last.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from live.order_states import ENDED, IN_DOUBT
from live.orders import OPEN
from live.payloads import amount_of, instant_of
from live.protection import Protection, wanted
from live.reading import Reading
from live.risk_context import Purpose
from live.transitions import State
from research.errors import BadValue

__all__ = ["Decision", "OpenOrder", "Position", "Standing", "standing_of"]

ZERO: Final = Decimal(0)

_DECISIONS: Final = """
    SELECT d.symbol, d.bar_close, d.gate, d.position, d.intent, d.intent_reason, d.stop_level, d.target_level,
           coalesce(o.note, ''), b.close
    FROM decisions d JOIN bars b ON b.bar = d.bar AND b.symbol = d.symbol
    LEFT JOIN orders o ON o.bar = d.bar AND o.symbol = d.symbol AND o.status IN ('new', 'rejected')
         AND o.leg = CASE d.intent_reason WHEN 'entry' THEN 'entry' ELSE 'exit' END
    WHERE (d.symbol, d.bar) IN (SELECT symbol, max(bar) FROM decisions GROUP BY symbol) ORDER BY d.symbol
"""
_TRACKED: Final = """
    SELECT client_id, symbol, side, quantity, purpose, fields, state, filled, sent_at FROM tracked
    ORDER BY symbol, sent_at, client_id
"""
_ORDERS: Final = f"""
    SELECT id, symbol, side, quantity, leg, status, level, bar_close FROM orders
    WHERE status IN ({", ".join(f"'{status}'" for status in sorted(OPEN))}) ORDER BY symbol, bar_close, id
"""
_ENTERED_AT: Final = """
    SELECT CASE WHEN EXISTS (SELECT 1 FROM bars b WHERE b.symbol = f.symbol AND b.bar > f.bar
           AND b.split <> 1) THEN NULL ELSE f.price END
    FROM fills f WHERE f.symbol = ? AND f.reason = 'entry' ORDER BY f.seq DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision on a symbol: the bar's close (UTC) and price, what was wanted, and what stood in it.

    `held` is what the engine held then; `intent` the signed shares for the next open, with its `reason`;
    `gate` what blocked an entry, "" nothing did; `stop` and `target` the levels in force, USD; `note` what
    the risk door or the broker has against the order.
    """

    symbol: str
    bar_close: datetime | None
    close: float
    gate: str
    held: float
    intent: float
    reason: str
    stop: float | None
    target: float | None
    note: str = ""

    @property
    def text(self) -> str:
        """The decision in words."""
        if self.intent:
            return f"{self.reason} {self.intent:+g}" + (f", {self.note}" if self.note else "")
        if self.gate:
            return f"blocked: {self.gate}"
        return "hold" if self.held else "no entry wanted"


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that may still fill: a broker's, or of a replay the strategy's own."""

    client_id: str
    symbol: str
    side: int
    quantity: Decimal
    filled: Decimal
    purpose: str
    state: str
    stop: Decimal | None
    target: Decimal | None
    sent_at: datetime | None
    in_doubt: bool
    leg: bool  # made by the broker, of another order here

    @property
    def remaining(self) -> Decimal:
        """Shares that may still fill."""
        return max(self.quantity - self.filled, ZERO)


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held, and the protection that rests beside the one that is wanted.

    Attributes
    ----------
    symbol : str
    quantity : Decimal
    average, price : Decimal or None
        USD a share: what they cost, and the last close.
    resting, want : Protection or None
        `want` is None where no level is in force, or none is known yet.
    fault : str
        What is wrong with the protection; "" nothing.
    """

    symbol: str
    quantity: Decimal
    average: Decimal | None
    price: Decimal | None
    resting: Protection | None
    want: Protection | None
    fault: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it; `equity` in USD at the last bar's close, None before the first."""

    decisions: tuple[Decision, ...]
    orders: tuple[OpenOrder, ...]
    positions: tuple[Position, ...]
    last_bar: datetime | None
    equity: Decimal | None
    sent: tuple[tuple[datetime, str, Decimal, str], ...]  # when, symbol, shares, what for

    @property
    def prices(self) -> dict[str, Decimal]:
        """The last close of each symbol."""
        return {d.symbol: amount_of(d.close) or ZERO for d in self.decisions}


def standing_of(journal: Reading, *, replay: bool) -> Standing:
    """Return where a run stands.

    Parameters
    ----------
    journal : Reading
    replay : bool
        Whether no broker stands behind it.
    """
    decisions = tuple(
        Decision(symbol, instant_of(when), close, gate, held, intent, reason, stop, target, note)
        for symbol, when, gate, held, intent, reason, stop, target, note, close in journal.rows(_DECISIONS)
    )
    tracked = journal.rows(_TRACKED)
    orders = _replayed(journal) if replay else tuple(o for row in tracked if (o := _open_of(row)) is not None)
    ((last, equity),) = journal.rows(
        "SELECT max(bar_close), (SELECT equity FROM equity ORDER BY bar DESC LIMIT 1) FROM equity"
    )
    held = _held_by_engine(journal, decisions) if replay else _held_by_broker(journal)
    by_symbol = {d.symbol: d for d in decisions}
    return Standing(
        decisions,
        orders,
        tuple(_position(symbol, *held[symbol], by_symbol.get(symbol), orders) for symbol in sorted(held)),
        instant_of(last),
        amount_of(equity),
        tuple(
            (at, symbol, amount_of(quantity) or ZERO, purpose)
            for _, symbol, _, quantity, purpose, fields, state, _, sent in tracked
            if (at := instant_of(sent)) is not None
            and state not in {State.NEW, State.REFUSED}
            and "parent" not in _body(fields)
        ),
    )


def _held_by_engine(
    journal: Reading, decisions: tuple[Decision, ...]
) -> dict[str, tuple[Decimal, Decimal | None]]:
    held = {}
    for d in decisions:
        if d.held:
            # A split since then makes it another price; then none is told.
            price = journal.rows(_ENTERED_AT, d.symbol)
            held[d.symbol] = (amount_of(d.held) or ZERO, amount_of(price[0][0]) if price else None)
    return held


def _held_by_broker(journal: Reading) -> dict[str, tuple[Decimal, Decimal | None]]:
    rows = journal.rows("SELECT symbol, quantity, average FROM holdings")
    return {symbol: (amount_of(quantity) or ZERO, amount_of(average)) for symbol, quantity, average in rows}


def _replayed(journal: Reading) -> tuple[OpenOrder, ...]:
    found = []
    for name, symbol, side, quantity, leg, status, level, when in journal.rows(_ORDERS):
        price = amount_of(level)
        stop, target = (price, None) if leg == "stop" else (None, price if leg == "target" else None)
        shares = amount_of(quantity) or ZERO
        at = instant_of(when)
        known = OpenOrder(name, symbol, side, shares, ZERO, leg, status, stop, target, at, False, False)
        found.append(known)
    return tuple(found)


def _open_of(row: tuple[Any, ...]) -> OpenOrder | None:
    """Return a broker's order, unless it has ended or was never sent."""
    name, symbol, side, quantity, purpose, text, word, filled, sent = row
    known = word in set(State)
    if known and (State(word) in ENDED or State(word) is State.NEW):
        return None
    body = _body(text)
    stop = (body.get("stop_loss") or {}).get("stop_price", body.get("stop_price"))
    target = (body.get("take_profit") or {}).get("limit_price", body.get("limit_price"))
    return OpenOrder(
        name, symbol, side, amount_of(quantity) or ZERO, amount_of(filled) or ZERO, purpose, word,
        amount_of(stop), amount_of(target), instant_of(sent),
        in_doubt=not known or State(word) in IN_DOUBT, leg="parent" in body,
    )  # fmt: skip


def _position(
    symbol: str,
    quantity: Decimal,
    average: Decimal | None,
    decision: Decision | None,
    orders: tuple[OpenOrder, ...],
) -> Position:
    guards = [o for o in orders if o.symbol == symbol and o.purpose in {Purpose.PROTECT, "stop", "target"}]
    resting = _together([o for o in guards if not o.leg])
    price = None if decision is None else amount_of(decision.close)
    want, fault = None, ""
    # Levels are those of the shares that the engine held; bought since, they are not known before the bar.
    if decision is not None and decision.held * float(quantity) > 0:
        stop, target = (math.nan if x is None else x for x in (decision.stop, decision.target))
        try:
            want, _ = wanted(symbol, float(quantity), stop, target)
        except BadValue as problem:
            fault = str(problem)
        fault = fault or _differs(resting, want)
    return Position(symbol, quantity, average, price, resting, want, fault)


def _together(guards: list[OpenOrder]) -> Protection | None:
    """Return what rests as one: of a replay, stop and target are two orders."""
    if not guards:
        return None
    stops = [o.stop for o in guards if o.stop is not None]
    targets = [o.target for o in guards if o.target is not None]
    first = guards[0]
    return Protection(
        first.symbol,
        first.side,
        first.remaining,
        stops[0] if stops else None,
        targets[0] if targets else None,
    )


def _differs(resting: Protection | None, want: Protection | None) -> str:
    """Say what of the wanted protection does not rest."""
    if want is None:
        return ""
    if resting is None:
        return "nothing rests at the broker"
    if resting.quantity != want.quantity:
        return f"{resting.quantity:f} of {want.quantity:f} shares protected"
    if want.stop is not None and resting.stop is None:
        return "no stop rests"
    if want.stop is not None and resting.stop is not None and (want.stop - resting.stop) * -want.side > 0:
        return f"stop rests at {resting.stop:f}, wanted at {want.stop:f}"
    return ""


def _body(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
