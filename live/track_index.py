"""Where our orders stand, kept up as they change: a run of months has thousands, of which few still matter.

In: each order as it now stands, and as it stood. Out: the names of those that are open, that were sent, that
are wishes to close, that were sent for one order of the strategy. It knows nothing that the orders themselves
do not say; `live.tracks.Tracks` keeps it.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from live.transitions import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from live.tracks import Track

__all__ = ["TrackIndex"]


class TrackIndex:
    """The names of orders, by what is asked of them.

    Parameters
    ----------
    tracks : iterable of Track

    Attributes
    ----------
    open, used, wishes : set of str
        Those that may still execute; those that were ever sent; those that are written down and not sent.
    """

    def __init__(self, tracks: Iterable[Track] = ()) -> None:
        self.open: set[str] = set()
        self.used: set[str] = set()
        self.wishes: set[str] = set()
        self._sent: list[tuple[datetime, str]] = []  # rising
        self._of_order: defaultdict[str, set[str]] = defaultdict(set)
        for track in tracks:
            self.stand(None, track)

    def stand(self, before: Track | None, now: Track) -> None:
        """Take an order as it now stands; `before` is the same order as it was last taken."""
        name = now.order.client_id
        new = now.order.state is State.NEW
        _keep(self.open, name, now.open)
        _keep(self.used, name, not new)
        _keep(self.wishes, name, new and not now.fields)
        was = before.sent_at if before is not None and _counts(before) else None
        is_ = now.sent_at if _counts(now) else None
        if was != is_:
            if was is not None:
                del self._sent[bisect_left(self._sent, (was, name))]
            if is_ is not None:
                insort(self._sent, (is_, name))
        if before is not None and before.order_id != now.order_id:
            self._of_order[before.order_id].discard(name)
        self._of_order[now.order_id].add(name)

    def of_order(self, order_id: str) -> frozenset[str]:
        """Return what was sent for one order of the strategy."""
        return frozenset(self._of_order.get(order_id, ()))

    def sent_since(self, instant: datetime) -> list[datetime]:
        """Return when orders were sent by us that the broker did not refuse, from an instant on, rising."""
        return [at for at, _ in self._sent[bisect_left(self._sent, (instant, "")) :]]


def _keep(names: set[str], name: str, belongs: bool) -> None:
    (names.add if belongs else names.discard)(name)


def _counts(track: Track) -> bool:
    """Say whether an order counts among those of a minute: not one that the broker never took.

    A symbol whose protection is refused again and again would else block the exits of all others.
    """
    return track.asked and track.order.state is not State.REFUSED
