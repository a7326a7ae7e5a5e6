"""What a backtest's figures do not say by themselves, in words; what its model says is in `lessons`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from research.data.panel import Panel
from research.kernels import account as ac
from research.kernels.account import Account
from research.simulation.holding import Holding

__all__ = ["benchmark_notes", "trade_notes"]


def trade_notes(panel: Panel, stats: Mapping[str, float], account: Account) -> tuple[str, ...]:
    """Say what became of entries and of ended symbols, and what the universe is.

    Parameters
    ----------
    panel : Panel
    stats : mapping
        `trades` and `open_trades`, counts.
    account : Account
        As the run left it.
    """
    notes, totals = [], account.totals
    if stats["trades"] + stats["open_trades"] == 0:
        notes.append("no trade was made; `decisions` names the gate that blocked each entry")
    for lapsed, why in (
        (ac.A_LAPSED_NO_BAR, "the symbol had no next bar"),
        (ac.A_LAPSED_CASH, "the cash bought not one share"),
        (ac.A_LAPSED_SIZE, "a reverse split left not one share"),
    ):
        if totals[lapsed]:
            notes.append(f"{int(totals[lapsed])} entries lapsed: {why}")
    if totals[ac.A_CUT]:
        notes.append(
            f"{int(totals[ac.A_CUT])} entries were cut to the cash at hand; `orders` has what was asked"
        )
    stuck = ~panel.members(-1) & (account.positions[:, ac.P_QTY] != 0.0)
    if stuck.any():
        ended = ", ".join(np.array(panel.symbols)[stuck])
        notes.append(f"without a last bar, their positions are marked at the last close there was: {ended}")
    if len(panel.symbols) > 1:
        notes.append("the universe is the list given, not what it was at the time: survivorship bias")
    return tuple(notes)


def benchmark_notes(held: Holding) -> tuple[str, ...]:
    """Name the symbols that buying and holding left out."""
    if not held.left_out:
        return ()
    left_out = ", ".join(held.left_out)
    return (f"buy and hold is of {len(held.held)} symbols; not trading when it bought: {left_out}",)
