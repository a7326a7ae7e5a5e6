"""What the risk door would have said to the backtest's entries: a run that cannot trade says so at its start.

In: the backtest over the history that a run begins with. Out: what it asked for, as fractions of its equity,
which the journal keeps; and, at each start, how many of those entries the limits in force block, by which
check. The checks are the door's own.

Sizes are asked anew of the run's money of today: what a limit in USD says to an order of ten years ago, when
the backtest's account was another, does not matter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from live import risk_amounts as amounts
from live.risk_context import Context, Purpose, Quote, Rules, Wanted
from research.kernels import account as ac

if TYPE_CHECKING:
    from live.risk import Check
    from research.advance import Advance

__all__ = ["ASKED", "Foreseen", "asked_of", "foresee"]

ASKED: Final = "asked_by_backtest"  # in the journal's table `meta`
_LOSSES: Final = 50  # of days, the largest, that are kept
_WHEN: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of no account to the checks of amounts
_CHECKS: Final[Mapping[str, Check]] = {
    "order quantity": amounts.order_quantity,
    "order notional": amounts.order_notional,
    "position notional": amounts.position_notional,
    "position share": amounts.position_share,
    "gross exposure": amounts.gross_exposure,
    "positions": amounts.position_count,
}


@dataclass(frozen=True)
class Foreseen:
    """What the door would have said.

    Attributes
    ----------
    entries : int
        That the backtest decided.
    blocked : dict of str to int
        Of them, by the first check that blocks, most first.
    latched : dict of str to int
        Days on which a loss would have latched a limit; of the drawdown 1 or 0.
    """

    entries: int
    blocked: dict[str, int]
    latched: dict[str, int]

    def __str__(self) -> str:
        most = sum(self.blocked.values())
        told = [f"would have let pass all {self.entries} entries of the backtest"]
        if most:
            by = ", ".join(f"{name} {n}" for name, n in self.blocked.items())
            told = [f"would have blocked {most} of the backtest's {self.entries} entries ({by})"]
        for name, days in self.latched.items():
            often = f" on {days} day{'s' * (days != 1)}" if name == "daily loss" else ""
            told.append(f"{name} would have latched{often}")
        return "; ".join(told)


def asked_of(run: Advance) -> str:
    """Return what a backtest asked for, as the journal keeps it.

    Parameters
    ----------
    run : Advance
        From the first bar that is known to the last.

    Returns
    -------
    str
        JSON: `entries`, for each the notional, that of all that was held or asked for before it at that
        close (fractions of equity), how many symbols those were, and the raw price in USD; `losses`, the
        largest of days; `drawdown`, the largest.
    """
    decided, panel = run.decided, run.panel
    price = _known(panel.close)  # (T, N)
    entering = (decided[:, :, ac.I_SIDE] != 0.0) & (decided[:, :, ac.I_REASON] == ac.ENTERED)
    entries = []
    for t in np.flatnonzero(entering.any(axis=0)):
        worth = np.nan_to_num(np.abs(decided[:, t, ac.I_HELD]) * price[t])
        for n in np.flatnonzero(entering[:, t]):
            ask = decided[n, t, ac.I_QTY] * price[t, n]
            others = np.delete(worth, n)
            told = (ask / run.equity[t], others.sum() / run.equity[t], np.count_nonzero(others), price[t, n])
            entries.append([float(f"{x:.6g}") for x in told])
            worth[n] += ask
    days = panel.bar_close.astype("M8[D]")
    last = np.append(np.flatnonzero(days[1:] != days[:-1]), len(days) - 1)
    closes = run.equity[last]
    losses = np.sort(1.0 - closes[1:] / closes[:-1])[::-1][:_LOSSES]
    down = 1.0 - run.equity / np.maximum.accumulate(run.equity)
    return json.dumps(
        {
            "entries": entries,
            "losses": [float(f"{x:.6g}") for x in losses if x > 0.0],
            "drawdown": float(f"{down.max():.6g}"),
        }
    )


def _known(close: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> np.ndarray:
    """Return the last close known at each bar, (T, N); NaN before the first."""
    rows = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    return np.take_along_axis(close, np.maximum.accumulate(rows, axis=0), axis=0)


def foresee(asked: str, rules: Rules, money: float, equity: Decimal | None) -> Foreseen:
    """Hold what the backtest asked for against limits.

    Parameters
    ----------
    asked : str
        As `asked_of` wrote it.
    rules : Rules
    money : float
        The run's, USD.
    equity : Decimal or None
        The account's; None: not known, then taken for the run's money, which is no more.
    """
    told = json.loads(asked)
    own = Decimal(str(money))
    whole = own if equity is None else max(equity, own)
    blocked = Counter(
        name for entry in told["entries"] if (name := _blocks(*entry, rules=rules, own=own, whole=whole))
    )
    part = own / whole
    latched = {
        "daily loss": sum(Decimal(str(loss)) * part > rules.daily_loss for loss in told["losses"]),
        "drawdown": int(Decimal(str(told["drawdown"])) * part > rules.drawdown),
    }
    return Foreseen(
        len(told["entries"]),
        dict(sorted(blocked.items(), key=lambda found: (-found[1], found[0]))),
        {name: n for name, n in latched.items() if n},
    )


def _blocks(
    share: float, before: float, symbols: float, price: float, *, rules: Rules, own: Decimal, whole: Decimal
) -> str:
    """Return the first check of amounts that blocks an entry; "" if none does."""
    cost = Decimal(str(price))
    quantity = Decimal(str(share)) * own / cost
    # Of the others only their sum and their number count: each holds its part of the sum, at a dollar.
    others = {f"other {n}": Decimal(str(before)) * own / int(symbols) for n in range(int(symbols))}
    quotes = dict.fromkeys(others, Quote(Decimal(1), _WHEN)) | {"this": Quote(cost, _WHEN)}
    world = Context(_WHEN, "", "", "", equity=whole, positions=others, quotes=quotes)
    wanted = Wanted("", "this", 1, quantity, Purpose.ENTER)
    return next((name for name, check in _CHECKS.items() if check(wanted, world, rules)), "")
