"""The way out: every order that leaves passes the risk door here, is written down first, and is sent once.

In: an order that is wanted, and the world it would enter. Out: what became of it. Nothing else in this
package calls `AlpacaAccount.submit` but `send_admitted`; a test holds the source to that.

1. The door says yes, or the order is not sent.
2. The order is in the journal, in the state "unknown": whatever happens from here on, a restart asks for it.
3. It is sent. A definite answer moves it on; anything else leaves it unknown, to be asked for by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from live.alpaca import AlpacaAccount, Said
from live.order_states import Tracked, act, report
from live.orders import Outcome
from live.risk import Admitted, Blocked, Door
from live.rows import Event
from live.tracks import Track, Tracks
from live.transitions import Event as Happening
from live.transitions import State
from research.errors import BadValue

if TYPE_CHECKING:
    from live.risk_context import Context, Wanted

__all__ = ["Sender", "Sent", "send_admitted"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a wish.

    Attributes
    ----------
    outcome : Outcome or None
        None: the door kept it.
    blocked : Blocked or None
    problem : str
        What the broker said, or why that is not known.
    """

    outcome: Outcome | None
    blocked: Blocked | None = None
    problem: str = ""


class Sender:
    """Sends orders of one account.

    Parameters
    ----------
    account : AlpacaAccount
    tracks : Tracks
    door : Door
    """

    def __init__(self, account: AlpacaAccount, tracks: Tracks, door: Door) -> None:
        self._account, self._tracks, self._door = account, tracks, door

    def kept(self, wanted: Wanted, context: Context) -> Blocked | None:
        """Return what the door would say against an order, without sending it."""
        verdict = self._door.check(wanted, context)
        return verdict if isinstance(verdict, Blocked) else None

    def send(self, wanted: Wanted, fields: Mapping[str, Any], order_id: str, context: Context) -> Sent:
        """Send an order, if the door lets it pass.

        Parameters
        ----------
        wanted : Wanted
        fields : mapping
            The request's body; its id, symbol, side and quantity are those of `wanted`.
        order_id : str
            Of the strategy's order that it carries out.
        context : Context

        Returns
        -------
        Sent

        Raises
        ------
        OrderConflict
            The broker holds another order under this id.
        KeysRefused
            The credentials are not taken.
        OutputError
            The journal cannot be written: nothing was sent.
        """
        verdict = self._door.check(wanted, context)
        if isinstance(verdict, Blocked):
            return Sent(None, verdict)
        return self._post(verdict, fields, order_id, context)

    def _post(self, admitted: Admitted, fields: Mapping[str, Any], order_id: str, context: Context) -> Sent:
        wanted = admitted.order
        _require_same(wanted, fields)  # before it is written down
        known = self._tracks.orders.get(wanted.client_id)
        order = Tracked(wanted.client_id, wanted.symbol, wanted.side, wanted.quantity)
        if known is not None and known.order.state is not State.NEW:
            order = known.order  # which refuses to be sent twice
        # One that was asked for and is definitely not there is sent anew under its id, of the shares of now.
        track = Track(act(order, Happening.SENDING).order, order_id, wanted.purpose, fields, context.now)
        self._tracks.put(track)
        said = send_admitted(self._account, admitted, fields)
        self._tracks.put(_after(track, said), events=_told(track, said))
        return Sent(said.outcome, None, said.problem)

    def cancel(self, track: Track) -> Said:
        """Ask for an order's end; that it has ended is known from the order alone."""
        if not track.order.broker_id:
            return Said(Outcome.UNKNOWN, None, f"order {track.order.client_id} has no id at the broker yet")
        self._tracks.put(replace(track, order=act(track.order, Happening.CANCEL_SENT).order))
        return self._account.cancel(track.order.broker_id)


def send_admitted(account: AlpacaAccount, admitted: Admitted, fields: Mapping[str, Any]) -> Said:
    """Send what the door has let pass, once.

    For `Sender`, and for the kill switch, which must work without a journal: there the latch, on disk before
    it, names the order.
    """
    _require_same(admitted.order, fields)
    return account.submit(fields)


def _after(track: Track, said: Said) -> Track:
    """Return the order after its answer; legs that the broker made of it are reconciliation's."""
    if said.outcome is Outcome.REJECTED:
        return replace(track, order=act(track.order, Happening.REFUSED).order)
    if said.order is None:
        return replace(track, order=act(track.order, Happening.DOUBTED).order)
    # What the answer says was executed is left to reconciliation, which books it: one place for that.
    answer = replace(said.order, filled=None, average=None, legs=())
    if answer.status in {"filled", "partially_filled"}:
        answer = replace(answer, status="new")
    return replace(track, order=report(track.order, answer).order)


def _require_same(wanted: Wanted, fields: Mapping[str, Any]) -> None:
    """Refuse a body that is not of the order that passed the door."""
    asked = (wanted.client_id, wanted.symbol, "buy" if wanted.side > 0 else "sell", str(wanted.quantity))
    body = tuple(fields.get(name) for name in ("client_order_id", "symbol", "side", "qty"))
    if asked != body:
        raise BadValue(f"an order's body must be what passed the door, {asked}, was {body}; mend the caller")


def _told(track: Track, said: Said) -> list[Event]:
    o = track.order
    what = f"{track.purpose} order {o.client_id}, {'buy' if o.side > 0 else 'sell'} {o.quantity}"
    if said.outcome is Outcome.ACCEPTED:
        return [Event("sent", f"{what}: accepted", o.symbol)]
    kind = "rejected" if said.outcome is Outcome.REJECTED else "in doubt"
    return [Event(kind, f"{what}: {said.problem}", o.symbol)]
