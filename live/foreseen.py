"""What the risk door would have said to the backtest's entries: a run that cannot trade says so at its start.

In: the backtest over the history that a run begins with. Out: what it asked for, as fractions of its equity,
which the journal keeps; and, at each start, how many of those entries the limits in force block, by which
check. The checks are the door's own: those of sizes, the list of restricted symbols, and the age of bars
where it blocks every entry. What follows from the instant alone, prices, rates, open orders and the state of
the account, is not asked.

Sizes are asked anew of the run's money of today: what a limit in USD says to an order of ten years ago, when
the backtest's account was another, does not matter.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from live.risk import SIZES
from live.risk_context import Context, Purpose, Quote, Rules, Wanted
from live.risk_gates import unrestricted
from research.kernels import account as ac

if TYPE_CHECKING:
    from research.advance import Advance

__all__ = ["ASKED", "Foreseen", "asked_of", "foresee"]

ASKED: Final = "asked_by_backtest"  # in the journal's table `meta`
_SIZES: Final = 4  # numbers of an entry; its symbol follows them
_LOSSES: Final = 50  # of days, the largest, that are kept
_WHEN: Final = datetime(2000, 1, 1, tzinfo=UTC)  # of no account to the checks of amounts


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
    nameless : tuple of str
        Symbols of the run that are restricted, where the journal does not keep whose the entries were.
    """

    entries: int
    blocked: dict[str, int]
    latched: dict[str, int]
    nameless: tuple[str, ...] = ()

    def __str__(self) -> str:
        most = sum(self.blocked.values())
        asked = "by size" if self.nameless else "by size and by the list of restricted symbols"
        told = [f"would have let pass all {self.entries} entries of the backtest {asked}"]
        if most:
            by = ", ".join(f"{name} {n}" for name, n in self.blocked.items())
            told = [f"would have blocked {most} of the backtest's {self.entries} entries ({by})"]
        if self.nameless:
            told.append(
                f"those of {', '.join(self.nameless)} are restricted; this older journal does not keep "
                "how many they were"
            )
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
        close (fractions of equity), how many symbols those were, the raw price in USD, and the symbol;
        `losses`, the largest of days; `drawdown`, the largest.
    """
    decided, panel = run.decided, run.panel
    price = _known(panel.close)  # (T, N)
    entering = (decided[:, :, ac.I_SIDE] != 0.0) & (decided[:, :, ac.I_REASON] == ac.ENTERED)
    entries: list[list[float | str]] = []
    for t in np.flatnonzero(entering.any(axis=0)):
        worth = np.nan_to_num(np.abs(decided[:, t, ac.I_HELD]) * price[t])
        for n in np.flatnonzero(entering[:, t]):
            ask = decided[n, t, ac.I_QTY] * price[t, n]
            others = np.delete(worth, n)
            told = (ask / run.equity[t], others.sum() / run.equity[t], np.count_nonzero(others), price[t, n])
            entries.append([*(float(f"{x:.6g}") for x in told), panel.symbols[n]])
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


def foresee(
    asked: str,
    rules: Rules,
    money: float,
    equity: Decimal | None,
    symbols: Sequence[str],
    *,
    stale: bool = False,
) -> Foreseen:
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
    symbols : sequence of str
        The run's: journals of before 2026-11-23 do not keep whose an entry was.
    stale : bool
        Whether every entry is blocked for the age of its bar (`live.too_old`).
    """
    told = json.loads(asked)
    own = Decimal(str(money))
    whole = own if equity is None else max(equity, own)
    listed = [symbol for symbol in symbols if symbol in rules.restricted]
    # Where all or none are restricted it does not matter whose an entry was.
    alike = len(listed) in {0, len(symbols)}
    nameless = not alike and any(len(entry) == _SIZES for entry in told["entries"])
    blocked: Counter[str] = Counter()
    for entry in told["entries"]:
        symbol = entry[_SIZES] if len(entry) > _SIZES else symbols[0] if alike else ""
        wanted = _wanted(symbol, *entry[:_SIZES], own=own, whole=whole)
        if name := _blocks(*wanted, rules, stale=stale):
            blocked[name] += 1
    part = own / whole
    latched = {
        "daily loss": sum(Decimal(str(loss)) * part > rules.daily_loss for loss in told["losses"]),
        "drawdown": int(Decimal(str(told["drawdown"])) * part > rules.drawdown),
    }
    return Foreseen(
        len(told["entries"]),
        dict(sorted(blocked.items(), key=lambda found: (-found[1], found[0]))),
        {name: n for name, n in latched.items() if n},
        tuple(listed) if nameless else (),
    )


def _wanted(
    symbol: str, share: float, before: float, symbols: float, price: float, *, own: Decimal, whole: Decimal
) -> tuple[Wanted, Context]:
    """Return an entry, and as much of the world as the checks of amounts ask for."""
    cost = Decimal(str(price))
    quantity = Decimal(str(share)) * own / cost
    # Of the others only their sum and their number count: each holds its part of the sum, at a dollar.
    others = {f"other {n}": Decimal(str(before)) * own / int(symbols) for n in range(int(symbols))}
    quotes = dict.fromkeys(others, Quote(Decimal(1), _WHEN)) | {symbol: Quote(cost, _WHEN)}
    world = Context(_WHEN, "", "", "", equity=whole, positions=others, quotes=quotes)
    return Wanted("", symbol, 1, quantity, Purpose.ENTER), world


def _blocks(wanted: Wanted, world: Context, rules: Rules, *, stale: bool) -> str:
    """Return the first check that blocks an entry, in the door's order; "" if none does."""
    if unrestricted(wanted, world, rules) is not None:
        return "restricted"
    if stale:
        return "stale bar"
    return next((name for name, check in SIZES.items() if check(wanted, world, rules)), "")
