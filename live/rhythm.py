"""Trades a month, beside what the backtest made: the alarm for a runner that trades too little to be right.

In: a journal. Out: how many entries filled in how long, what was expected, and how likely so few are if the
backtest was right. Trades are taken to come as a Poisson process at the backtest's rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from live.funnel import funnel
from live.payloads import instant_of
from live.reading import Reading

__all__ = ["Rhythm", "at_most", "rhythm_of"]

EXPECTED: Final = "expected_trades_per_month"
_MONTH: Final = timedelta(days=365.25 / 12)
_RARE: Final = 0.05

_ENTRIES: Final = "SELECT count(*) FROM fills WHERE reason = 'entry'"
_UNBOOKED: Final = """SELECT count(DISTINCT e.client_id) FROM executions e
    JOIN tracked t ON t.client_id = e.client_id WHERE t.purpose = 'enter' AND e.bar IS NULL"""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often is traded.

    Attributes
    ----------
    trades : int
        Entries that filled.
    months : float
        Of journalled bars.
    expected : float or None
        Trades a month in the backtest; None if the journal does not say.
    chance : float or None
        Of so few or fewer in this time, if that rate is right.
    blame : str
        Where most decisions or entries end, in a phrase; "" if none was stopped.
    """

    trades: int
    months: float
    expected: float | None
    chance: float | None
    blame: str

    @property
    def per_month(self) -> float | None:
        """Trades a month; None before two bars."""
        return self.trades / self.months if self.months > 0 else None

    @property
    def alarm(self) -> str:
        """What is wrong, in one line; "" if nothing is."""
        if self.chance is None or self.expected is None or self.chance > _RARE:
            return ""
        due = self.expected * self.months
        gate = f"; {self.blame}" if self.blame else ""
        return (
            f"{self.trades} trades in {self.months:.1f} months, the backtest's rate gives {due:.1f} "
            f"(chance of so few {self.chance:.1%}){gate}"
        )


def rhythm_of(journal: Reading) -> Rhythm:
    """Return how often is traded, beside what was expected."""
    ((bars, first, last),) = journal.rows("SELECT count(*), min(bar_close), max(bar_close) FROM equity")
    ((booked,),) = journal.rows(_ENTRIES)
    ((unbooked,),) = journal.rows(_UNBOOKED)
    trades = int(booked) + int(unbooked)
    begin, end = instant_of(first), instant_of(last)
    # So many bars have so many intervals, of which the first began before its close.
    months = (end - begin) / _MONTH * bars / (bars - 1) if begin and end and bars > 1 else 0.0
    expected = _rate(journal.meta(EXPECTED))
    known = expected is not None and months > 0
    chance = at_most(trades, expected * months) if known and expected is not None else None
    return Rhythm(trades, months, expected, chance, funnel(journal).blame)


def at_most(count: int, mean: float) -> float:
    """Return the chance of at most `count` events where `mean` are expected (Poisson).

    Examples
    --------
    >>> round(at_most(0, 3.0), 4)
    0.0498
    """
    if mean <= 0:
        return 1.0
    terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
    return min(math.fsum(math.exp(term) for term in terms), 1.0)


def _rate(text: str | None) -> float | None:
    try:
        rate = float(text) if text is not None else None
    except ValueError:
        return None
    return rate if rate is not None and math.isfinite(rate) and rate >= 0 else None
