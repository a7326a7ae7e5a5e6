"""The limits that a run at an account is held to, put in force as it starts.

In: what the settings file says of limits, the run, the account's file. Out: the rules, written where
`live.status` reads them, and what they would have said to the backtest that the run is measured against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from live.allowed import Run, text_of_rules
from live.foreseen import ASKED, foresee
from live.rows import Event
from live.schedule import LENGTHS
from live.too_old import too_old
from research.kernels.account import A_EQUITY

if TYPE_CHECKING:
    from live.limits import Limits
    from live.opening import Opened
    from live.risk_context import Rules

__all__ = ["put_in_force"]

_UNASKED: Final = "prices, rates, open orders and buying power cannot be foreseen"


def put_in_force(
    opened: Opened,
    limits: Limits,
    said: Mapping[str, Any],
    *,
    timeframe: str,
    settle: timedelta,
    allow_short: bool,
) -> tuple[Rules, str]:
    """Return the limits of a run, and what is said of them: of the backtest, of restricted symbols.

    Limits that would have blocked an entry, or block each one of a symbol, are an event of the journal as
    well, which comes on the terminal with `--quiet` too. A loss that would have latched is what that limit is
    for.

    Parameters
    ----------
    opened : Opened
    limits : Limits
    said : mapping
        As `live.allowed.said_limits` read it.
    timeframe : str
        Length of a bar.
    settle : timedelta
        After a close, until its bar is asked for.
    allow_short : bool
    """
    engine = opened.runner.engine
    money = max(engine.initial_capital, float(engine.account.totals[A_EQUITY]))
    daily = LENGTHS[timeframe] is None
    run = Run(money, engine.params["max_weight"], len(engine.symbols), daily=daily)
    rules = replace(run.defaults(), **said, allow_short=allow_short)
    limits.hold_to(text_of_rules(rules))
    age = too_old(rules, timeframe, settle)
    rows = opened.journal.rows("SELECT value FROM meta WHERE key = ?", ASKED)
    told = ["were not held against a backtest: none was made of this run"]
    loud = age.every or not rules.restricted.isdisjoint(engine.symbols)
    if rows:
        equity, symbols = limits.equity(), engine.symbols
        found = foresee(str(rows[0][0]), rules, money, equity, symbols, stale=age.every)
        told, loud = [str(found)], loud or bool(found.blocked)
    told += [age.text] if age.text else []
    told += [_listed(rules, engine.symbols)] if rules.restricted else []
    if loud:
        text = "; ".join([*told, "[limits] in the settings file sets them"])
        opened.journal.tell(Event("limits", text))
    told += [_UNASKED] if rows else []
    return rules, "; ".join(told)


def _listed(rules: Rules, symbols: Sequence[str]) -> str:
    """Return the symbols that are restricted, and which of them the run would trade."""
    own = [symbol for symbol in symbols if symbol in rules.restricted]
    which = f"of this run {', '.join(own)}" if own else "none of this run"
    return f"restricted: {', '.join(sorted(rules.restricted))} ({which})"
