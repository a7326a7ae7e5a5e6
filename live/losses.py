"""What an account's losses are measured from, look by look, and money that came or went without a trade.

In: what the broker says of the account, the session. Out: the marks of `live.limits`, and what is told.

A day's loss is measured from the largest of three: the equity at the last session's close, the last that was
seen here, and that of the day's first look. So a loss that was made while nobody looked, overnight or between
two runs of an evening each, is the loss of the day that finds it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from live.schedule import EASTERN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from live.account_payloads import AccountFacts
    from live.journal import Journal
    from live.limits import Limits, Marks
    from live.risk import Blocked
    from live.telling import Tell

__all__ = ["Losses"]

_NOTABLE: Final = Decimal("0.001")  # of equity: fees and most dividends are less


class Losses:
    """The losses of one account.

    Parameters
    ----------
    limits : Limits
    journal : Journal
        Whose executions explain why cash changes.
    tell : Tell

    Attributes
    ----------
    marks : Marks or None
        None before the first equity was told.
    """

    def __init__(self, limits: Limits, journal: Journal, tell: Tell) -> None:
        self._limits, self._journal, self._tell = limits, journal, tell
        self.marks: Marks | None = None
        self._moved = ""

    def note(self, facts: AccountFacts, day: str, now: datetime) -> None:
        """Take note of what the account is worth; equity that is not told leaves the marks as they were.

        Parameters
        ----------
        facts : AccountFacts
        day : str
            The session that is on, or comes next, ISO; it begins where the one before closed.
        now : datetime
            UTC, the broker's.
        """
        equity, close = facts.equity, facts.last_equity
        self._moved = ""
        if equity is None or equity <= 0:
            return
        # On the evening before, the broker may still tell the close before the last.
        morning = now.astimezone(EASTERN).date().isoformat() == day
        known = close if morning and close is not None and close > 0 else None
        before, self.marks = self.marks, self._limits.mark(day, equity, known)
        begun = before is not None and before.day == self.marks.day
        if morning and known is None and not begun:
            self._tell(
                "last equity",
                "the broker does not say the equity at the last close; the day's loss is measured from "
                f"{self.marks.day_equity} USD, the most that is known here",
            )
        if facts.cash is not None:
            ((count,),) = self._journal.rows("SELECT coalesce(max(seq), 0) FROM executions")
            moved = self._limits.moved(facts.cash, int(count))
            if abs(moved) > _NOTABLE * equity:
                way = "fell" if moved < 0 else "rose"
                self._moved = f"cash {way} by {abs(moved)} USD of which no execution tells"
                self._tell("cash moved", f"{self._moved}; losses are measured as if it were a trade's")

    def said(self, found: Iterable[Blocked]) -> list[Blocked]:
        """Return limits that are hit, with the money that went without a trade beside the loss."""
        return [replace(b, value=f"{b.value}; {self._moved}") if self._moved else b for b in found]
