"""A trader under a thrown kill switch: what may open a position goes, what makes one smaller stays.

In: the latches, the broker's open orders, what is known of ours. Out: cancels, and what is told. Which of
the orders that stay no longer fit what is held is asked once the account has been read (`Desk.guard`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from live.flattening import is_closing
from live.killing import cancel_all, protects
from live.limits import KILL
from live.risk_context import Purpose

if TYPE_CHECKING:
    from live.alpaca import AlpacaAccount
    from live.limits import Limits
    from live.payloads import BrokerOrder
    from live.telling import Tell
    from live.tracks import Tracks

__all__ = ["Switch", "killed_text"]


@dataclass(frozen=True)
class Switch:
    """The kill switch as a trader heeds it.

    Parameters
    ----------
    account : AlpacaAccount
    limits : Limits
    tracks : Tracks
    prefix : str
        How our ids begin.
    tell : callable
    """

    account: AlpacaAccount
    limits: Limits
    tracks: Tracks
    prefix: str
    tell: Tell

    def heed(self) -> bool:
        """Say whether the switch is thrown; then cancel what may open a position, at each tick."""
        latched = self.limits.latched()
        for latch in latched.values():
            self.tell("latched", f"limit `{latch.name}` since {latch.at}: {latch.text}", "")
        if KILL not in latched:
            return False
        since = datetime.fromisoformat(latched[KILL].at)
        swept = cancel_all(self.account, self.prefix, keep=lambda order: self._stays(order, since))
        for order in swept.asked:
            self.tell("killed", f"order {order.client_id} is cancelled", order.symbol)
        for problem in swept.problems:
            self.tell("killed", f"cancelling goes on: {problem}", "")
        return True

    def _stays(self, order: BrokerOrder, since: datetime) -> bool:
        """Say whether an order may rest: an exit, protection, what the kill command sent to close.

        From the evening on an exit that waits for the auction stands in the place of the protection.
        """
        if is_closing(order, self.prefix, since):
            return True
        known = self.tracks.orders.get(order.client_id)
        return protects(order) if known is None else known.purpose is not Purpose.ENTER


def killed_text(bare: list[str]) -> str:
    """Return what the pulse says under the switch, given what rests for nobody (`Desk.guard`)."""
    if not bare:
        return "what protects or closes stays; python -m live.kill closes, and resets"
    return f"{'; '.join(bare)}; python -m live.kill --flatten closes, and resets"
