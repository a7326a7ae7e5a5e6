"""Protection: what the kernel has in force rests at the broker, of the shares that are held.

In: the levels, what rests, what was refused before. Out: at most one step for a symbol at a look: nothing, a
cancel, or an order. What rests is cancelled before its successor is sent, and only if the door would let that
pass; `live.protection` says which step it is, `live.refusals` what may be tried instead of what was refused.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from live.leaving import again
from live.levels import last_price_of, levels_of, protection_of
from live.orders import Leg, Order, Outcome
from live.plan import in_force
from live.protection import Protection, Step, next_step, order_fields, wanted
from live.refusals import at_once, next_try, refused_among, says_beyond
from live.risk_context import Purpose, Wanted
from live.rows import utc_of
from live.sending import Sent

if TYPE_CHECKING:
    from live.book import Book
    from live.hands import Hands
    from live.plan import Plan
    from live.telling import Tell
    from live.tracks import Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["Protecting"]

_GUARDS: Final = frozenset({Leg.STOP, Leg.TARGET})


class Protecting:
    """Let protection rest.

    Parameters
    ----------
    engine : UnifiedTradingEngine
    book : Book
    tracks : Tracks
    hands : Hands
    tell : Tell
    """

    def __init__(
        self, engine: UnifiedTradingEngine, book: Book, tracks: Tracks, hands: Hands, tell: Tell
    ) -> None:
        self._engine, self._book, self._tracks = engine, book, tracks
        self._hands, self._tell = hands, tell

    def cancel(self, symbol: str) -> bool:
        """Cancel what protects a symbol; True while any of it may still execute."""
        resting = [t for t in self._tracks.open(symbol) if t.purpose is Purpose.PROTECT]
        for track in resting:
            self._hands.cancel(track)
        return bool(resting)

    def serve(self, symbol: str, orders: list[Order], plan: Plan) -> None:
        """Let the protection that is in force rest at the broker."""
        stop, target = levels_of(self._engine, self._tracks, symbol, orders)
        held = float(self._tracks.held(symbol))
        want, left = wanted(symbol, held, stop, target)
        if left:
            self._tell("unprotected", f"{left} shares cannot be protected: no fraction rests", symbol)
        open_now = [t for t in self._tracks.open(symbol) if t.purpose is Purpose.PROTECT]
        if open_now and math.isnan(stop) and math.isnan(target):
            # Taken over with its position: nobody here has levels to put in the place of these.
            self._tell("taken over", f"protection of {symbol} rests as it was found", symbol)
            return
        tops = [t for t in open_now if "parent" not in t.fields]
        if tops and tops[0].kind == "market":  # what a stop became; of other shares than are held it goes
            if want is None or (tops[0].order.side, tops[0].order.remaining) != (want.side, want.quantity):
                self.cancel(symbol)
            return
        resting = protection_of(tops[0]) if tops else None
        outdated = bool(tops) and self._tracks.splits.since(symbol, tops[0].sent_at)
        last = last_price_of(self._engine, self._tracks, symbol)
        step = next_step(resting, want, last, outdated=outdated)
        beyond = step is Step.EXIT
        if step is Step.KEEP:
            return
        if want is not None and resting is not None:
            one = self._next_try(want, orders, plan, beyond=beyond)
            fits = resting.side == want.side and resting.quantity <= want.quantity
            if fits and (one is None or (not outdated and self._hands.barred(self._order(want), plan))):
                return  # what could take its place was refused a moment ago, or would not pass the door
            kept = one is not None and one != at_once(want)
            if kept and next_step(resting, one, None, outdated=outdated) is Step.KEEP:
                return
        if open_now:
            self.cancel(symbol)
            return  # placed when that has ended
        if want is not None:
            self._insist(want, orders, plan, beyond=beyond)

    def _next_try(
        self, want: Protection, orders: list[Order], plan: Plan, *, beyond: bool, gone: bool = False
    ) -> Protection | None:
        """Return what the broker may be asked for now of the protection that is wanted."""
        last = self._engine.last_bar
        assert last is not None  # something is held, so some bar was decided at
        sent = self._tracks.of_order(_carried_out(want, orders))
        refused = refused_among(track for track in sent if track.order.symbol == want.symbol)
        now = plan.context().now  # by the clock that dates what is sent
        return next_try(want, refused, gone=gone, beyond=beyond, last_bar=utc_of(last), now=now)

    def _insist(self, want: Protection, orders: list[Order], plan: Plan, *, beyond: bool) -> None:
        """Place protection; where the broker refuses it, what may be tried instead."""
        gone = False
        for _ in range(3):  # the pair, its stop, the shares at the market
            one = self._next_try(want, orders, plan, beyond=beyond, gone=gone)
            if one is None:
                break
            said = (
                self._at_once(want, orders, plan) if one == at_once(want) else self._place(one, orders, plan)
            )
            if said.outcome is not Outcome.REJECTED:
                return
            gone = gone or says_beyond(said.problem)
        text = f"{want.quantity} shares rest without protection, the broker refuses it; tried again in time"
        self._tell("unprotected", text, want.symbol)

    def _order(self, want: Protection) -> Wanted:
        """Return the order that protection is, under an id that was never sent."""
        last = self._engine.last_bar
        assert last is not None  # something is held, so some bar was decided at
        leg = Leg.TARGET if want.stop is None and want.target is not None else Leg.STOP
        number = 0
        name = self._book.id_of(want.symbol, last, leg)
        while (known := self._tracks.orders.get(name)) is not None and not again(known):
            number += 1  # sized anew within a bar: an id is never used twice
            name = self._book.id_of(want.symbol, last + np.timedelta64(number, "us"), leg)
        limit = want.target if want.stop is None else None
        return Wanted(name, want.symbol, want.side, want.quantity, Purpose.PROTECT, "gtc", limit, want.stop)

    def _at_once(self, want: Protection, orders: list[Order], plan: Plan) -> Sent:
        """Do what the stop would have done: send the shares at the market, if one takes orders now."""
        tif = in_force(plan, want.quantity)
        go = "go at the market" if tif else "have no market now, and go when it takes orders"
        text = f"the price is beyond the stop {want.stop}: {want.quantity} shares {go}"
        self._tell("stopped", text, want.symbol)
        if tif is None:
            return Sent(None)
        order = replace(self._order(at_once(want)), time_in_force=tif)
        return self._hands.market(order, _carried_out(want, orders), plan)

    def _place(self, want: Protection, orders: list[Order], plan: Plan) -> Sent:
        order = self._order(want)
        said = self._hands.send(order, order_fields(want, order.client_id), _carried_out(want, orders), plan)
        if said.outcome is Outcome.ACCEPTED:
            self._hands.record(replace(order, sent=True) for order in orders if order.leg in _GUARDS)
        return said


def _carried_out(want: Protection, orders: list[Order]) -> str:
    """Return the strategy's order that protection carries out, its stop if there is one; "" none."""
    leg = Leg.TARGET if want.stop is None else Leg.STOP
    return next((order.id for order in orders if order.leg is leg), "")
