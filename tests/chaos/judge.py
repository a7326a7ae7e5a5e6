"""What must hold whatever goes wrong, judged from the fake's side: what it accepted, executed, and holds.

In: the fake, the trader's journal, the rules. Out: breaches, each a line. `after_look` is asked after every
look of the trader, `at_rest` once nothing is wrong any more.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice

from live.journal import Journal
from live.risk_context import Purpose, Rules
from live.tracks import Track, Tracks
from live.transitions import State
from research.engine import UnifiedTradingEngine
from tests.chaos.guards import misplaced, resting
from tests.chaos.limits import Limits
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.order import Order

PREFIX = "PP-"
STATES = {
    "filled": {State.FILLED}, "canceled": {State.CANCELLED}, "expired": {State.EXPIRED},
    "rejected": {State.REJECTED}, "replaced": {State.REPLACED},
}  # fmt: skip
# What the wall clock or this process decides, in tables that are otherwise the seed's alone.
COLUMNS = {
    "meta": "key", "bars": "*", "decisions": "*", "orders": "*", "fills": "*", "equity": "*",
    "executions": "*", "events": "bar, bar_close, kind, symbol, text", "tracked": "*", "holdings": "*",
    "splits": "*", "snapshot": "bar, kernels, sha256", "pulse": "mode, phase, text",
}  # fmt: skip
_SPAN = re.compile(r"\d+(\.\d+)?(e-?\d+)? s\b")  # "no end after 1.4998 s"


class Judge:
    """The judge of one run.

    Parameters
    ----------
    fake : FakeAlpaca
    rules : Rules
    """

    def __init__(self, fake: FakeAlpaca, rules: Rules) -> None:
        self.fake, self._limits = fake, Limits(fake, rules)
        self.breaches: Counter[str] = Counter()
        self.examples: list[str] = []
        self.guards = 0  # orders whose level was judged
        self._calls = self._orders = 0  # of the fake's, those that were judged
        self._accepted: Counter[str] = Counter()
        self._decided: defaultdict[str, list[str]] = defaultdict(list)
        self._bare: set[str] = set()  # at the last look

    def breach(self, kind: str, text: str) -> None:
        """Take note of what must not be."""
        self.breaches[kind] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{kind}: {text}")

    def after_look(
        self,
        tracks: Tracks,
        by_hand: set[str],
        engine: UnifiedTradingEngine | None = None,
        *,
        fills: bool = True,
        whole: bool = True,
    ) -> None:
        """Judge what the last look brought.

        Parameters
        ----------
        tracks : Tracks
        by_hand : set of str
            Symbols of which some were sold by hand.
        engine : UnifiedTradingEngine, optional
            The trader's, to judge where protection rests.
        fills : bool, default True
            Whether the broker fills as it should: else a stop may rest beyond the price.
        whole : bool, default True
            Whether the trader read all that it asks for: what was lost then is known to it.
        """
        fresh = self._fresh()
        names, quiet = self._sent()
        for name in names:
            if self._accepted[name] > 1:
                self.breach("duplicate", f"order {name} was accepted twice")
        for order in fresh:
            name = order.client_order_id
            track = tracks.orders.get(name)
            if track is None:
                self.breach("lost", f"order {name} is at the broker, not in the journal")
            elif _opens(track):
                self._decided[track.order_id].append(name)
        for order in fresh:
            track = tracks.orders.get(order.client_order_id)
            if track is not None and _opens(track) and len(same := self._decided[track.order_id]) > 1:
                self.breach("duplicate", f"orders {same} for one decision")
        for text in self._limits.after_look(fresh, tracks, by_hand, whole=whole):
            self.breach("limit", text)
        if engine is not None:
            tops = [o for o in fresh if (t := tracks.orders.get(o.client_order_id)) and _guards(t)]
            guards = [order for top in tops for order in (top, *top.legs)]
            self.guards += len(guards)
            wrong = misplaced(self.fake, engine, guards)
            wrong += resting(self.fake, tracks, engine, fills=fills) if quiet else []
            for text in wrong:
                self.breach("protection", text)

    def _fresh(self) -> list[Order]:
        """Return the trader's orders that have come to the broker since the last look, oldest first."""
        with self.fake.lock:
            every = self.fake.exchange.book.orders
            found = list(islice(reversed(every.values()), len(every) - self._orders))
            self._orders = len(every)
        return [order for order in reversed(found) if order.client_order_id.startswith(PREFIX)]

    def _sent(self) -> tuple[list[str], bool]:
        """Return the names under which orders were accepted since the last look, and if it was quiet."""
        with self.fake.lock:  # whoever has it has handled its request: no call in the log is half done
            calls = self.fake.log.calls[self._calls :]
            self._calls += len(calls)
        names = [name for call in calls if (name := call.made) is not None]
        self._accepted.update(names)
        reads = all(call.method == "GET" and call.status == 200 and not call.faults for call in calls)
        return names, reads and {"/v2/clock", "/v2/orders", "/v2/positions"} <= {call.path for call in calls}

    def after_quiet_look(self, stops: Mapping[str, float]) -> None:
        """Judge what protects, after a look at which nothing was wrong, nor at the one before.

        Parameters
        ----------
        stops : mapping
            Of what the engine holds, the stop in force.
        """
        resting = {(order.symbol, order.sign) for order in self.fake.orders() if order.open}
        bare = {
            symbol
            for symbol, shares in self.fake.positions().items()
            if symbol in stops
            and self.fake.exchange.trading(symbol)
            and (symbol, -1.0 if shares > 0 else 1.0) not in resting
        }
        # At one look protection goes, at the next what takes its place comes.
        for symbol in sorted(bare & self._bare):
            shares = self.fake.positions()[symbol]
            self.breach("unprotected", f"{shares} {symbol} at {self.fake.now}, stop {stops[symbol]}")
        self._bare = bare

    def after_noise(self) -> None:
        """Take note that a look was disturbed."""
        self._bare = set()

    def at_rest(self, tracks: Tracks, account: dict[str, float]) -> None:
        """Judge the end: journal and broker, and the engine's account, tell the same."""
        there = {o.client_order_id: o for o in self.fake.orders()}
        decided = Counter(t.order_id for name, t in tracks.orders.items() if name in there and _opens(t))
        for decision, count in decided.items():
            if count > 1:
                self.breach("duplicate", f"{count} orders for decision {decision}")
        for name, track in tracks.orders.items():
            order = there.get(name)
            if order is None:
                # Nothing was lost of a wish to close that was withdrawn before anything was sent for it.
                sent = track.asked or "parent" in track.fields
                if sent and track.order.state not in {State.NEW, State.REFUSED}:
                    self.breach("lost", f"order {name} ({track.order.state}) is not at the broker")
                continue
            ended = STATES.get(order.status, set())
            if order.open != track.open or not (order.open or track.order.state in ended):
                self.breach("unequal", f"order {name} is {track.order.state}, at the broker {order.status}")
            if Decimal(str(order.filled_qty)) != track.order.filled:
                self.breach("unequal", f"order {name}: {track.order.filled} filled, {order.filled_qty} there")
        positions = self.fake.exchange.account.positions
        held = {symbol: h for symbol, h in tracks.holdings.items() if h.quantity}
        for symbol in sorted(set(held) | {s for s, p in positions.items() if p.qty}):
            ours, theirs = held.get(symbol), positions.get(symbol)
            if ours is None or theirs is None or Decimal(str(theirs.qty)) != ours.quantity:
                self.breach("unequal", f"{symbol}: {ours} held, {theirs} there")
            elif ours.average is None or abs(float(ours.average) / theirs.average - 1.0) > 1e-4:
                self.breach("unequal", f"{symbol}: average {ours.average}, {theirs.average} there")
            if account.get(symbol, 0.0) != (theirs.qty if theirs else 0.0):
                self.breach("unequal", f"{symbol}: the engine has {account.get(symbol)}, the broker {theirs}")


def _guards(track: Track) -> bool:
    """Whether an order protects a position, and was asked for."""
    return track.purpose is Purpose.PROTECT and track.asked


def _opens(track: Track) -> bool:
    """Whether an order opens a position as a decision asked, and is no leg of one that does."""
    return track.purpose is Purpose.ENTER and "parent" not in track.fields


def journal_hash(journal: Journal) -> str:
    """Return a hash of all that the seed alone decides."""
    digest = hashlib.sha256()
    for table, columns in COLUMNS.items():
        for row in journal.rows(f"SELECT {columns} FROM {table}"):
            digest.update(_SPAN.sub("# s", repr(row)).encode())
    return digest.hexdigest()[:16]
