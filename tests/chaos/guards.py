"""What rests to protect a position, judged from outside: the engine's levels and the tape's splits.

In: the fake, the trader's journal and engine after a look. Out: a line for each order that is where it must
not be. Nothing is taken from what the trader itself knows of splits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from live.halts import WAITING
from live.journal import Journal
from live.leaving import leaving
from live.order_states import IN_DOUBT
from live.rows import utc_of
from live.tracks import Tracks
from live.vitals import HALTED, HALTING
from research.engine import UnifiedTradingEngine
from research.kernels import account as ac
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.order import Order

TICK = 0.01 + 1e-9


def is_at_work(journal: Journal) -> bool:
    """Say whether the last look was answered, and bars are taken and what is held served.

    They are under a drift that halts entries as well; not under the switch, nor after an answer that ended
    the look.
    """
    ((phase, text),) = journal.rows("SELECT phase, text FROM pulse")
    return phase in {"trading", "waiting"} or (phase == HALTED and text.startswith(HALTING))


def _waits(journal: Journal) -> bool:
    """Say whether a bar that is due had not come by then."""
    ((phase, text),) = journal.rows("SELECT phase, text FROM pulse")
    return phase == "waiting" or text.endswith(WAITING)


def split_since(fake: FakeAlpaca, symbol: str, bar_close: str, now: datetime) -> Decimal:
    """Return the shares that one became from after the day of a bar to the last open by `now`."""
    after = datetime.fromisoformat(bar_close).date()
    found = Decimal(1)
    for action in fake.tape.actions:
        session = fake.calendar.on(action.ex_date)
        if action.symbol == symbol and action.ex_date > after and session is not None and session.open <= now:
            found *= Decimal(str(action.split))
    return found


def level_of(fake: FakeAlpaca, engine: UnifiedTradingEngine, order: Order) -> float:
    """Return the stop in force for what an order protects, in today's shares; NaN none, or not yet."""
    row, last = engine.account.positions[engine.symbols.index(order.symbol)], engine.last_bar
    if last is None or row[ac.P_QTY] * (1 if order.side == "buy" else -1) >= 0.0:
        return math.nan
    split = split_since(fake, order.symbol, utc_of(last).isoformat(), fake.now)
    return float(row[ac.P_PROTECT]) / float(split)


def misplaced(fake: FakeAlpaca, engine: UnifiedTradingEngine, orders: Iterable[Order]) -> list[str]:
    """Return the stops that are a tick or more from the level in force."""
    found = []
    for order in orders:
        level = level_of(fake, engine, order)
        if order.stop_price is not None and abs(order.stop_price - level) > TICK:
            found.append(f"{_said(order)}, the level is {level:.4f}")
    return found


def resting(fake: FakeAlpaca, tracks: Tracks, engine: UnifiedTradingEngine, *, fills: bool) -> list[str]:
    """Return what is misplaced after a quiet look, or, in a session in which all fills, beyond the price."""
    with fake.lock:
        stops = [o for o in fake.exchange.book.open if o.stop_price is not None and not o.stuck]
        marks, shares = dict(fake.exchange.account.marks), fake.positions()
    if not stops or not is_at_work(tracks.journal) or _waits(tracks.journal):
        return []
    doubt = {t.order.symbol for t in tracks.open() if t.order.state in IN_DOUBT}
    sure = [
        order
        for order in stops
        if order.symbol not in doubt
        and float(tracks.held(order.symbol)) == shares.get(order.symbol, 0.0)
        and not leaving(tracks, order.symbol)
    ]
    session = fake.calendar.on(fake.now.date())
    if not (fills and session is not None and session.open < fake.now < session.close):
        return misplaced(fake, engine, sure)
    beyond = [
        f"{_said(order)}, the price is {marks[order.symbol]}"
        for order in sure
        if (marks[order.symbol] - (order.stop_price or 0.0)) * (1 if order.side == "buy" else -1) >= 0.0
    ]
    return misplaced(fake, engine, sure) + beyond


def _said(order: Order) -> str:
    return f"{order.symbol}: {order.side} {order.qty:g} at {order.stop_price}"
