"""What trading an account costs, as far as a run reckons with it: no commission, and an assumed slippage.

In: the options of a run. Out: the same with an account's default, and the line that says what is reckoned
with. Alpaca takes no commission on stocks and ETFs, and the account books none (`live.booking`): a backtest
that charges some has other cash after its first fill.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from research.execution import Execution
    from research.options import RunOptions

__all__ = ["at_account", "costs_said"]


def at_account(asked: RunOptions) -> RunOptions:
    """Return options whose commission is none, unless one was given."""
    return replace(asked, commission=0.0) if asked.commission is None else asked


def costs_said(execution: Execution) -> str:
    """Return in a line what is reckoned with, and where a commission counts and where not.

    Examples
    --------
    >>> from research.execution import Execution
    >>> costs_said(Execution(commission=0.0))
    'no commission, as the broker takes none; slippage of 5 bp a side is assumed, fills tell the real one'
    """
    slippage = f"slippage of {1e4 * execution.slippage:g} bp a side is assumed, fills tell the real one"
    if execution.commission == 0.0:
        return f"no commission, as the broker takes none; {slippage}"
    return (
        f"commission of {1e4 * execution.commission:g} bp counts in the labels that a model learns from, "
        "and nowhere else: the broker takes none and none is booked, so live.parity will name every fill; "
        f"leave --commission out for none; {slippage}"
    )
