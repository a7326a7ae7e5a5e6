"""What the strategy wants, and what is sent for it now: entries, exits, protection.

In: the book of wanted orders, the engine's account, a picture of the broker, the hours. Out: orders, through
the risk door (`live.sending`), and cancels. Asked at each tick, it does the next thing that each symbol needs
and no more; what was done before shows in the tracks, so a restart goes on where the last process stopped.

For each symbol, the first that applies:

1. Its last order is in doubt, or somebody else's order is there: nothing but 2, until that is known.
2. An exit rests that would trade more than is held, or an entry whose open has passed: it is cancelled. What
   such an entry executed anyway is to be closed (`live.lapses`).
3. An exit is wanted and can be sent now: protection is cancelled; when that has ended, the exit is sent. One
   that ended unfilled is sent again after the next bar, under an id of that bar.
   Shares that nobody here can explain, and that are to be closed, go first and in the same way.
4. Shares are held: the protection that the kernel has in force rests at the broker, of their number.
5. An entry is wanted, decided at the latest bar, and its open is still to come: it is sent, restated if a
   split comes with that open. One that was sent before anybody knew of the split is cancelled.
"""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from live.coming import at_open, recalled
from live.lapses import entering, kept_back, lapsed, late_wishes, queues
from live.leaving import PURPOSE, again, bare, leaving, next_name, outgrown
from live.levels import last_price_of, levels_of, protection_of
from live.order_states import act
from live.orders import Leg, Order, Outcome, Status, gate_of, is_blocked
from live.plan import Plan, in_force, whole
from live.protection import Protection, Step, next_step, order_fields, wanted
from live.refusals import at_once, next_try, refused_among, says_beyond
from live.risk import Blocked
from live.risk_context import Purpose, Wanted
from live.rows import Event, utc_of
from live.sending import Sender, Sent
from live.transitions import Event as Happening
from live.transitions import State

if TYPE_CHECKING:
    from datetime import datetime

    from live.book import Book
    from live.journal import Journal
    from live.telling import Tell
    from live.tracks import Track, Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["Desk", "Plan"]


class Desk:
    """Send what is wanted.

    Parameters
    ----------
    engine : UnifiedTradingEngine
    book : Book
    journal : Journal
    tracks : Tracks
    sender : Sender
    tell : Tell
    """

    def __init__(
        self,
        engine: UnifiedTradingEngine,
        book: Book,
        journal: Journal,
        tracks: Tracks,
        sender: Sender,
        tell: Tell,
    ) -> None:
        self._engine, self._book, self._journal = engine, book, journal
        self._tracks, self._sender, self._tell = tracks, sender, tell

    def serve(self, plan: Plan) -> None:
        """Do the next thing for each symbol."""
        self.close_late(plan.now)
        last = self._engine.last_bar
        closes = None if last is None else utc_of(last)
        for symbol in self._engine.symbols:
            self._found(symbol)
            for track in lapsed(self._tracks, self._book, symbol, closes, plan.schedule, plan.now):
                name = track.order.client_id
                self._tell("lapsing", f"entry {name} is cancelled: its open has passed", symbol)
                self._cancel(track)
            shares = plan.positions.get(symbol, Decimal(0))
            if shares is not None:
                for track in outgrown(self._tracks, symbol, shares):
                    self._cancel(track)
            if symbol in plan.locked:
                continue
            orders = [order for order in self._book.open() if order.symbol == symbol]
            for track, text in recalled(symbol, plan.splits, self._tracks, self._book, self._engine):
                self._tell("restated", text, symbol)
                self._cancel(track)
            if self._leaves(symbol, orders, plan):
                continue
            if self._tracks.held(symbol) != 0:
                self._protect(symbol, orders, plan)
            else:
                self._unprotect(symbol)
            for order in orders:
                if order.leg is Leg.ENTRY and order.status is Status.NEW:
                    self._enter(order, plan)

    def guard(self, plan: Plan) -> list[str]:
        """See under the kill switch that what rests fits what is held; return what is held and has nothing.

        Nothing is ratcheted, entered or exited. An order that would trade more than is held goes; shares for
        which none rests, be it that an exit lapsed or that the switch caught protection being replaced, get
        protection if it may be put back.
        """
        return [text for symbol in self._engine.symbols if (text := self._guarded(symbol, plan))]

    def _guarded(self, symbol: str, plan: Plan) -> str:
        held = self._tracks.held(symbol)
        there = plan.positions.get(symbol, Decimal(0))
        there = held if there is None else there
        for track in outgrown(self._tracks, symbol, there):
            self._cancel(track)
        if symbol not in plan.locked and not leaving(self._tracks, symbol):
            lacking = bare(self._tracks, symbol, held)
            if lacking < 0:
                self._unprotect(symbol)
            elif lacking and plan.restores:
                orders = [order for order in self._book.open() if order.symbol == symbol]
                self._protect(symbol, orders, plan)
        lacking = bare(self._tracks, symbol, there)
        if lacking <= 0:
            return ""
        text = f"{lacking:f} {symbol} held, nothing rests for them"
        self._tell("unprotected", text, symbol)
        return text

    def close_late(self, now: datetime) -> None:
        """Write down that what entries executed after they had lapsed is to be closed.

        Asked before a bar is taken, which books it, and after, since with that bar more entries lapse.
        """
        for wish in late_wishes(self._tracks, self._book, self._engine, now):
            o = wish.order
            text = f"order {wish.order_id} executed after it had lapsed: its {o.quantity:f} shares are closed"
            self._tracks.put(wish, events=[Event("late entry", text, o.symbol)])

    # --- entries and exits ---------------------------------------------------------------------

    def _enter(self, order: Order, plan: Plan) -> None:
        """Send an entry once, while its open is still to come."""
        sent = self._tracks.orders.get(order.id)
        if (sent is not None and not again(sent)) or order.bar_close != self._engine.last_bar:
            return
        if plan.schedule.late(utc_of(order.bar_close), plan.now):
            self._tell("late", f"entry {order.id}: its open has passed, nothing is sent", order.symbol)
            if not is_blocked(order.note):  # else that is why
                self._stands(order, Sent(None, _LATE))
            return
        quantity = whole(at_open(order, plan.splits, self._engine))
        tif = in_force(plan, quantity)
        if tif is None or not plan.entering:
            return
        if tif == "day" and queues(plan.schedule, plan.now):
            self._tell("late", f"entry {order.id}: it might come after the close, not sent", order.symbol)
            return
        if order.symbol in plan.splits:
            text = f"entry {order.id}: {order.quantity:g} shares are {quantity:f} after the split of its open"
            self._tell("restated", text if quantity else f"{text}, nothing is sent", order.symbol)
        if not quantity:
            return
        want = Wanted(order.id, order.symbol, order.side, quantity, Purpose.ENTER, tif)
        kept = kept_back(self._tracks, order)
        said = self._market(want, order.id, plan) if kept is None else self._sent(Sent(None, kept), want)
        self._stands(order, said)

    def _found(self, symbol: str) -> None:
        """Let orders stand that the broker has, though its answer to them was never written.

        It was lost, or a process ended between the two.
        """
        for order in self._book.open():
            asked = (
                order.symbol == symbol and order.leg in {Leg.ENTRY, Leg.EXIT} and order.status is Status.NEW
            )
            if asked and any(track.order.broker_id for track in self._tracks.of_order(order.id)):
                self._stands(order, Sent(Outcome.ACCEPTED))

    def _leaves(self, symbol: str, orders: list[Order], plan: Plan) -> bool:
        """Close what is to be closed; True if nothing else is to be done for the symbol now."""
        if leaving(self._tracks, symbol):
            return True
        held = self._tracks.held(symbol)
        wish = self._tracks.to_close(symbol)
        if wish is not None and held == 0:
            dropped = replace(wish, order=act(wish.order, Happening.WITHDRAWN).order)
            what = "a lapsed entry had executed" if wish.order_id else "nobody here could explain"
            event = Event("flat", f"what {what} is closed", symbol)
            self._tracks.put(dropped, events=[event])
            return False
        if held == 0:
            return False
        if wish is not None:
            if entering(self._tracks, symbol):
                return True  # against an order on the other side the broker takes none
            return self._leave(symbol, wish.order.client_id, Leg.FLATTEN, plan)[1]
        order = next((order for order in orders if order.leg is Leg.EXIT), None)
        if order is None:
            return False
        said, busy = self._leave(symbol, order.id, Leg.EXIT, plan)
        if said is not None and said.outcome is not Outcome.REJECTED:
            self._stands(order, said)
        return busy

    def _leave(self, symbol: str, order_id: str, leg: Leg, plan: Plan) -> tuple[Sent | None, bool]:
        """Take the next step out of a position, and say whether its protection must wait for it."""
        last = self._engine.last_bar
        assert last is not None  # something is held, so some bar was decided at
        held = self._tracks.held(symbol)
        shares = whole(abs(held))
        name = next_name(self._book, self._tracks, symbol, order_id, leg, last, shares)
        tif = in_force(plan, shares)
        if name is None or tif is None:
            return None, False
        want = Wanted(name, symbol, -1 if held > 0 else 1, shares, PURPOSE[leg], tif)
        # Asked as if protection had gone: what the door would keep leaves it where it is.
        world = plan.context()
        bare = [r for r in world.resting if (r.symbol, r.purpose) != (symbol, Purpose.PROTECT)]
        blocked = self._sender.kept(want, replace(world, resting=bare))
        if blocked is not None:
            return self._sent(Sent(None, blocked), want), False
        if self._unprotect(symbol):
            return None, True
        said = self._market(want, order_id, plan)
        return said, said.blocked is None

    def _market(self, want: Wanted, order_id: str, plan: Plan) -> Sent:
        fields = {
            "symbol": want.symbol,
            "qty": str(want.quantity),
            "side": "buy" if want.side > 0 else "sell",
            "type": "market",
            "time_in_force": want.time_in_force,
            "client_order_id": want.client_id,
        }
        return self._sent(self._sender.send(want, fields, order_id, plan.context()), want)

    def _sent(self, said: Sent, want: Wanted) -> Sent:
        if said.blocked is not None:
            about = f"{want.purpose}, {said.blocked.check}"  # the value that it was changes at each look
            self._tell("blocked", f"{want.purpose} of {want.symbol} {said.blocked}", want.symbol, about)
        return said

    def _stands(self, order: Order, said: Sent) -> None:
        """Write how the strategy's order stands after an answer, or what of the door keeps it here."""
        if said.blocked is not None:
            note = said.blocked.note
            # Figures change from look to look; what is told of is the check.
            now = order if gate_of(note) == gate_of(order.note) else replace(order, note=note)
        else:
            now = replace(order, note="") if is_blocked(order.note) else order
            now = now if said.outcome is None else now.told(said.outcome)
        if now is not order:
            if now.status is Status.REJECTED:
                now = replace(now, note=said.problem)
            self._journal.update([now])
            self._book.put([now])

    # --- protection ----------------------------------------------------------------------------

    def _unprotect(self, symbol: str) -> bool:
        """Cancel what protects a symbol; True while any of it may still execute."""
        resting = [t for t in self._tracks.open(symbol) if t.purpose is Purpose.PROTECT]
        for track in resting:
            self._cancel(track)
        return bool(resting)

    def _cancel(self, track: Track) -> None:
        if "parent" not in track.fields and track.order.state in _CANCELLABLE:
            self._sender.cancel(track)

    def _protect(self, symbol: str, orders: list[Order], plan: Plan) -> None:
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
                self._unprotect(symbol)
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
            if fits and (one is None or (not outdated and self._barred(want, plan))):
                return  # what could take its place was refused a moment ago, or would not pass the door
            kept = one is not None and one != at_once(want)
            if kept and next_step(resting, one, None, outdated=outdated) is Step.KEEP:
                return
        if open_now:
            self._unprotect(symbol)
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
            if one == at_once(want):
                text = f"the price is beyond the stop {want.stop}: {want.quantity} shares go at the market"
                self._tell("stopped", text, want.symbol)
            said = self._place(one, _carried_out(want, orders), orders, plan)
            if said.outcome is not Outcome.REJECTED:
                return
            gone = gone or says_beyond(said.problem)
        text = f"{want.quantity} shares rest without protection, the broker refuses it; tried again in time"
        self._tell("unprotected", text, want.symbol)

    def _barred(self, want: Protection, plan: Plan) -> bool:
        """Say whether the door would keep protection, asked as if that which rests had gone."""
        world, order = plan.context(), self._order(want)
        bare = [r for r in world.resting if (r.symbol, r.purpose) != (want.symbol, Purpose.PROTECT)]
        blocked = self._sender.kept(order, replace(world, resting=bare))
        if blocked is not None:
            self._sent(Sent(None, blocked), order)
        return blocked is not None

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

    def _place(self, want: Protection, order_id: str, orders: list[Order], plan: Plan) -> Sent:
        order = self._order(want)
        if want == at_once(want):
            tif = in_force(plan, want.quantity)
            if tif is None:  # no auction takes it yet
                return Sent(None)
            return self._market(replace(order, time_in_force=tif), order_id, plan)
        body: dict[str, Any] = order_fields(want, order.client_id)
        said = self._sent(self._sender.send(order, body, order_id, plan.context()), order)
        guards = [order for order in orders if order.leg in _GUARDS]
        if said.outcome is Outcome.ACCEPTED and guards:
            now = [replace(guard, sent=True) for guard in guards]
            self._journal.update(now)
            self._book.put(now)
        return said


_LATE = Blocked("late", "an entry must be sent before its open", "later", "wait for the next bar")
_GUARDS = frozenset({Leg.STOP, Leg.TARGET})
_CANCELLABLE = frozenset({State.LIVE, State.HELD, State.PARTIAL, State.REPLACING, State.CANCELLING})


def _carried_out(want: Protection, orders: list[Order]) -> str:
    """Return the strategy's order that protection carries out, its stop if there is one; "" none."""
    leg = Leg.TARGET if want.stop is None else Leg.STOP
    return next((order.id for order in orders if order.leg is leg), "")
