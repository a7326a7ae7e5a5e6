"""The desk's hands: an order through the risk door, a cancel, and what is written and told of both.

In: what is to be sent. Out: the answer; how the strategy's order stands after it, in the journal and in the
book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from live.orders import Order, Status, gate_of, is_blocked
from live.risk_context import Purpose
from live.sending import Sent
from live.transitions import State

if TYPE_CHECKING:
    from live.book import Book
    from live.journal import Journal
    from live.plan import Plan
    from live.risk import Blocked
    from live.risk_context import Wanted
    from live.sending import Sender
    from live.telling import Tell
    from live.tracks import Track

__all__ = ["Hands"]

_CANCELLABLE: Final = frozenset({State.LIVE, State.HELD, State.PARTIAL, State.REPLACING, State.CANCELLING})


class Hands:
    """Send, cancel, and write down what became of it.

    Parameters
    ----------
    book : Book
    journal : Journal
    sender : Sender
    tell : Tell
    """

    def __init__(self, book: Book, journal: Journal, sender: Sender, tell: Tell) -> None:
        self._book, self._journal, self._sender, self._tell = book, journal, sender, tell

    def send(self, want: Wanted, fields: Mapping[str, Any], order_id: str, plan: Plan) -> Sent:
        """Send an order that carries out the strategy's `order_id`; what the door keeps is told."""
        said = self._sender.send(want, fields, order_id, plan.context())
        if said.blocked is not None:
            self.kept(said.blocked, want)
        return said

    def market(self, want: Wanted, order_id: str, plan: Plan) -> Sent:
        """Send it as a market order."""
        fields = {
            "symbol": want.symbol,
            "qty": str(want.quantity),
            "side": "buy" if want.side > 0 else "sell",
            "type": "market",
            "time_in_force": want.time_in_force,
            "client_order_id": want.client_id,
        }
        return self.send(want, fields, order_id, plan)

    def barred(self, want: Wanted, plan: Plan) -> Sent | None:
        """Return what keeps an order in whose favour protection would have to go; None nothing does.

        Asked as if that had gone: what the door would keep leaves protection where it is.
        """
        world = plan.context()
        resting = [r for r in world.resting if (r.symbol, r.purpose) != (want.symbol, Purpose.PROTECT)]
        blocked = self._sender.kept(want, replace(world, resting=resting))
        return None if blocked is None else self.kept(blocked, want)

    def kept(self, blocked: Blocked, want: Wanted) -> Sent:
        """Tell that an order is not sent, and why."""
        about = f"{want.purpose}, {blocked.check}"  # the value that it was changes at each look
        self._tell("blocked", f"{want.purpose} of {want.symbol} {blocked}", want.symbol, about)
        return Sent(None, blocked)

    def bars(self, order: Order, blocked: Blocked) -> None:
        """Tell and write what keeps an entry back that is not even asked for at the door."""
        said = f"{Purpose.ENTER} of {order.symbol} {blocked}"
        self._tell("blocked", said, order.symbol, f"{Purpose.ENTER}, {blocked.check}")
        self.stands(order, Sent(None, blocked))

    def cancel(self, track: Track) -> None:
        """Cancel an order, unless it is a leg of another or cannot be cancelled now."""
        if "parent" not in track.fields and track.order.state in _CANCELLABLE:
            self._sender.cancel(track)

    def stands(self, order: Order, said: Sent) -> None:
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
            self.record([now])

    def record(self, orders: Iterable[Order]) -> None:
        """Write the strategy's orders as they stand now."""
        now = list(orders)
        if now:
            self._journal.update(now)
            self._book.put(now)
