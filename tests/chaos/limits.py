"""The rules of a run, judged from the fake's side: each order that it accepted, and what it holds.

In: the fake, the rules, and of the trader only what an order is for and the closes that it knew. Out: a line
for each limit that was passed. Sums are the broker's own, never those of the risk door.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from datetime import datetime, timedelta
from decimal import Decimal

from live.risk_context import Purpose, Rules
from live.tracks import Tracks
from tests.chaos.guards import split_since
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.order import Order

NEAR = Decimal("1.001")  # what a fill itself costs, between the trader's question and the judge's
MINUTE = timedelta(minutes=1)


class Limits:
    """The limits of one run.

    Parameters
    ----------
    fake : FakeAlpaca
    rules : Rules
    """

    def __init__(self, fake: FakeAlpaca, rules: Rules) -> None:
        self.fake, self.rules = fake, rules
        self._ours: list[Order] = []
        self._peak = 0.0  # the most equity that the trader can have read
        self._lost = ""  # the loss that it has seen, after which nothing is entered

    def after_look(
        self, fresh: Sequence[Order], tracks: Tracks, by_hand: Set[str], *, whole: bool
    ) -> list[str]:
        """Return what was passed in a look that brought these orders; see `Judge.after_look`."""
        self._ours += fresh
        found = [text for order in fresh for text in self._passed(order, tracks)]
        found += [
            f"{symbol} is short {shares} in an account that must not be"
            for symbol, shares in self.fake.positions().items()
            if shares < 0 and symbol not in by_hand
        ]
        if whole:
            self._note_losses()
        return found

    def _passed(self, order: Order, tracks: Tracks) -> Iterator[str]:
        name, rules = order.client_order_id, self.rules
        track = tracks.orders.get(name)
        minute = 0
        for other in reversed(self._ours):
            age = order.created_at - other.created_at
            if age >= MINUTE:
                break
            minute += age >= timedelta(0)
        if minute > rules.orders_per_minute and (track and track.purpose is not Purpose.FLATTEN):
            yield f"{minute} orders in a minute with {name}"
        if track is None or track.purpose is not Purpose.ENTER:
            return
        quantity = Decimal(str(order.qty))
        price = self._close(tracks, order, order.symbol, self._opens(order))
        if quantity > rules.order_quantity:
            yield f"{name} of {quantity} shares"
        if quantity * price > rules.order_notional:
            yield f"{name} of {quantity * price} USD"
        held = Decimal(str(self.fake.positions().get(order.symbol, 0.0)))
        if max(held, quantity) * price > rules.position_notional:
            yield f"{name}: {held} shares, {held * price} USD of {order.symbol}"
        at_risk = {s for s, q in self.fake.positions().items() if q} | {order.symbol}
        if len(at_risk) > rules.positions:
            yield f"{sorted(at_risk)} are held"
        if self._lost:
            yield f"{name} after {self._lost}"
        yield from self._exposed(order, tracks)

    def _exposed(self, entry: Order, tracks: Tracks) -> Iterator[str]:
        """Hold what is held, and what is open to be held, against equity, at the closes the trader knew.

        The trader counts at least as much: what leaves in the same look is still there when it asks.
        """
        worth: defaultdict[str, Decimal] = defaultdict(Decimal)
        for symbol, held in self.fake.positions().items():
            worth[symbol] += abs(Decimal(str(held))) * self._close(tracks, entry, symbol, entry.created_at)
        for order in self._ours:
            track = tracks.orders.get(order.client_order_id)
            if order.open and track is not None and track.purpose is Purpose.ENTER:
                left = Decimal(str(order.qty)) - Decimal(str(order.filled_qty))
                worth[order.symbol] += left * self._close(tracks, entry, order.symbol, self._opens(entry))
        equity = Decimal(str(self.fake.exchange.account.equity)) * NEAR
        share = worth[entry.symbol]  # of one that has ended already nothing may be left
        if share > self.rules.position_share * equity:
            yield f"{entry.client_order_id}: {share:.2f} USD of {entry.symbol}, equity {equity:.2f}"
        gross = sum(worth.values())
        if gross > self.rules.gross_exposure * equity:
            yield f"{entry.client_order_id}: {gross:.2f} USD in all, equity {equity:.2f}"

    def _note_losses(self) -> None:
        """Take note of a loss that the trader has seen, and must let latch."""
        account = self.fake.exchange.account
        equity = account.equity
        self._peak = max(self._peak, equity)
        for since, most, name in (
            (account.last_equity, self.rules.daily_loss, "loss of the day"),
            (self._peak, self.rules.drawdown, "drawdown"),
        ):
            if not self._lost and since - equity > float(most * NEAR) * since:
                self._lost = f"a {name} from {since:.2f} to {equity:.2f}"

    def _close(self, tracks: Tracks, order: Order, symbol: str, at: datetime) -> Decimal:
        """Return the last close that the journal had for an order, in the shares of an instant; 0 none.

        What is held is in the shares of now until the exchange opens, an entry in those of that open.
        """
        rows = tracks.journal.rows(
            "SELECT close, bar_close FROM bars WHERE symbol = ? AND bar_close <= ? ORDER BY bar DESC LIMIT 1",
            symbol, order.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )  # fmt: skip
        if not rows:
            return Decimal(0)
        close, when = rows[0]
        return Decimal(str(close)) / split_since(self.fake, symbol, when, at)

    def _opens(self, order: Order) -> datetime:
        """Return the open of the session in which an order can fill first."""
        day = order.created_at.date()
        sessions = self.fake.calendar.between(day, day + timedelta(days=9))
        return next(session for session in sessions if session.close > order.created_at).open
