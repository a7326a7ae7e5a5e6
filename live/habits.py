"""How an account is traded: mode, host, bars, patience, limits, and what becomes of a drift.

In: what the command was told. Out: one record, the same for the whole run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from live.findings import Policy
from live.risk_context import Rules
from live.schedule import LENGTHS

__all__ = ["Habits"]


@dataclass(frozen=True)
class Habits:
    """How an account is traded.

    Attributes
    ----------
    mode : str
        "paper" or "live".
    host : str
        Where orders go.
    timeframe : str
        Length of a bar, as `live.schedule.LENGTHS` has it.
    settle : timedelta
        After a close, until its bar is asked for.
    patience : timedelta
        How long a symbol's late bar is waited for, before the others go on without it; of short bars less,
        see `wait`.
    rules : Rules
    policy : Policy
    """

    mode: str
    host: str
    timeframe: str = "1Day"
    settle: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=5)
    rules: Rules = field(default_factory=Rules)
    policy: Policy = field(default_factory=Policy)

    @property
    def wait(self) -> timedelta:
        """How long a late bar is waited for after `settle`: `patience`, at most half of what the bar leaves.

        The decision of a bar may be entered until the next one closes. Half is for the wait; the other half
        is left for the look that finds it over, the orders, and their way.

        Examples
        --------
        >>> [Habits("paper", "", timeframe=frame).wait.total_seconds() for frame in ("1Min", "5Min", "1Day")]
        [15.0, 135.0, 300.0]
        """
        length = LENGTHS[self.timeframe]
        if length is None:
            return self.patience
        return min(self.patience, max(length - self.settle, timedelta(0)) / 2)
