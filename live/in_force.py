"""The limits that a run at an account is held to, put in force as it starts.

In: what the settings file says of limits, the run, the account's file. Out: the rules, written where
`live.status` reads them, and what they would have said to the backtest that the run is measured against.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from live.allowed import Run, text_of_rules
from live.foreseen import ASKED, foresee
from live.rows import Event
from live.schedule import LENGTHS
from research.kernels.account import A_EQUITY

if TYPE_CHECKING:
    from live.limits import Limits
    from live.opening import Opened
    from live.risk_context import Rules

__all__ = ["put_in_force"]


def put_in_force(
    opened: Opened,
    limits: Limits,
    said: Mapping[str, Any],
    *,
    timeframe: str,
    allow_short: bool,
) -> tuple[Rules, str]:
    """Return the limits of a run, and what they would have said to the backtest.

    Limits that would have blocked an entry are an event of the journal as well, which comes on the terminal
    with `--quiet` too. A loss that would have latched is what that limit is for.

    Parameters
    ----------
    opened : Opened
    limits : Limits
    said : mapping
        As `live.allowed.said_limits` read it.
    timeframe : str
        Length of a bar.
    allow_short : bool
    """
    engine = opened.runner.engine
    money = max(engine.initial_capital, float(engine.account.totals[A_EQUITY]))
    daily = LENGTHS[timeframe] is None
    run = Run(money, engine.params["max_weight"], len(engine.symbols), daily=daily)
    rules = replace(run.defaults(), **said, allow_short=allow_short)
    limits.hold_to(text_of_rules(rules))
    rows = opened.journal.rows("SELECT value FROM meta WHERE key = ?", ASKED)
    if not rows:
        return rules, "were not held against a backtest: none was made of this run"
    found = foresee(str(rows[0][0]), rules, money, limits.equity())
    if found.blocked:
        opened.journal.tell(Event("limits", f"{found}; [limits] in the settings file sets them"))
    return rules, str(found)
