"""How an account is traded: mode, host, bars, patience, limits, and what becomes of a drift.

In: what the command was told. Out: one record, the same for the whole run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from live.findings import Policy
from live.risk_context import Rules

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
        How long a symbol's late bar is waited for, before the others go on without it.
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
