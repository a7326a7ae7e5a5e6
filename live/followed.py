"""The account led along a journal, bar by bar: what was filled otherwise than simulated, what was decided.

In: a journal as arrays. Out: a `Followed`. At each bar

1. the backtest's kernel fills what the journal's account had waiting;
2. where the journal booked something else, that is a cause of kind "fill", and the account becomes the
   journal's: positions and levels of its decisions, cash and equity of its own table;
3. the account decides on the journal's own signals, and what it wants is held against the journal's.

No bar before the span is needed, and no model: whatever differs in step 3 has no cause that a journal knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from live.broker import SimulatedBroker
from live.causes import Cause, Kind
from live.journalled import SIGNAL, Booked, Journalled
from live.orders import LEG_OF_REASON
from research.data.panel import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account, copy_account, new_account
from research.kernels.account_rows import ORDER, PENDING, POSITION, TOTALS
from research.kernels.fills import corporate_nb, enter_nb, ratchet_nb
from research.strategies import Strategy, strategy_named
from research.trading import trade

__all__ = ["Followed", "follow", "signals_of", "teleport"]

F64 = NDArray[np.float64]
_LIKE = ("position", "stop_level", "target_level")
_CODE = {name: code for code, name in enumerate(ac.REASON_NAMES)}
_GATE_CODES = {name: code for code, name in ac.GATE_NAMES.items()}


@dataclass(frozen=True)
class Followed:
    """What following a journal found.

    Attributes
    ----------
    causes : list of Cause
        Of kind "fill", one for a bar.
    states : dict of datetime64 to Account
        The journal's account at the closes of those bars, before anything was decided there.
    broken : (T, N) bool
        Decisions that do not follow from the journal's own signals and fills.
    """

    causes: list[Cause]
    states: dict[np.datetime64, Account]
    broken: NDArray[np.bool_]


def follow(journal: Journalled) -> Followed:
    """Lead an account along a journal."""
    panel, ran, decided = journal.panel, journal.ran, journal.decided
    strategy = strategy_named(ran.strategy)
    signals = signals_of(journal, strategy)
    account = new_account(len(panel.symbols), ran.capital)
    account.totals[ac.A_BARS] = journal.first
    causes: list[Cause] = []
    states: dict[np.datetime64, Account] = {}
    broken = np.zeros(decided.there.shape, dtype=bool)
    for t in range(len(panel)):
        fill = partial(_step, journal, t, causes, states)
        wished = np.ascontiguousarray(signals[:, :, t : t + 1])
        walk = trade(account, panel[t : t + 1], wished, ran.execution, ran.trade_from, fill)
        wants = walk.decided[:, 0]
        intent = wants[:, ac.I_SIDE] * wants[:, ac.I_QTY]
        for k in np.flatnonzero(decided.there[t]).tolist():
            gate = strategy.gate_name(walk.gates[k, 0])
            same = intent[k] == decided.account["intent"][t, k] and gate == decided.texts["gate"][t, k]
            if not same:
                broken[t, k] = True
                _adopt(account, journal, signals, t, k)
    return Followed(causes, states, broken)


def signals_of(journal: Journalled, strategy: Strategy) -> F64:
    """Return a journal's signal rows, (S, N, T), of `research.kernels.signals`."""
    decided = journal.decided
    out = np.full((sg.N_SIGNALS, *decided.there.T.shape), np.nan)
    for row, name in enumerate(SIGNAL):
        out[row] = decided.signal[name].T
    codes = {name: code for code, name in enumerate(strategy.gates, start=1)}
    gates = decided.texts["gate"].T
    out[sg.GATE] = 0.0
    for name in np.unique(gates):
        out[sg.GATE][gates == name] = codes.get(name, 0)  # an account's gate is the account's to find
    out[sg.ENTRY] = np.nan_to_num(out[sg.ENTRY])
    out[sg.EXIT] = np.nan_to_num(out[sg.EXIT])
    return out


def teleport(state: Account, bar: Panel, account: Account, execution: Execution) -> F64:
    """Make an account that of another run at this close; a `research.trading.Fill` once `state` is bound."""
    bars = account.totals[ac.A_BARS] + 1.0
    for mine, its in zip(account, state, strict=True):
        mine[...] = its
    account.totals[ac.A_BARS] = bars
    return np.empty((0, ac.N_ORDER))


def _step(
    journal: Journalled,
    t: int,
    causes: list[Cause],
    states: dict[np.datetime64, Account],
    bar: Panel,
    account: Account,
    execution: Execution,
) -> F64:
    """Fill a bar as simulated, then as the journal says where it says otherwise."""
    before = copy_account(account)
    simulated = SimulatedBroker().fill(bar, account, execution)
    mine = _by_symbol(journal.fills.get(t, []))
    its = _by_symbol(_booked(simulated))
    told = []
    for k in sorted({*mine, *its}):
        if _said(mine.get(k, [])) != _said(its.get(k, [])):
            fees = [f.fee for f in (*mine.get(k, []), *its.get(k, []))]
            sides = (_words(side.get(k, []), fees=any(fees)) for side in (mine, its))
            told.append(f"{bar.symbols[k]} {', simulated '.join(sides)}")
            _redo(journal, t, k, mine.get(k, []), bar, before, account, execution)
    there = journal.decided.there[t]
    for k in np.flatnonzero(there & ~np.isnan(bar.close[0])).tolist():
        wanted = np.array([journal.decided.account[name][t, k] for name in _LIKE])
        row = account.positions[k]
        now = row[[ac.P_QTY, ac.P_PROTECT, ac.P_TARGET]]
        if not np.array_equal(now, wanted, equal_nan=True):
            if now[0] != wanted[0] and not any(line.startswith(f"{bar.symbols[k]} ") for line in told):
                told.append(f"{bar.symbols[k]} position {wanted[0]:g} without a fill, simulated {now[0]:g}")
                _redo(journal, t, k, [], bar, before, account, execution)
            row[[ac.P_QTY, ac.P_PROTECT, ac.P_TARGET]] = wanted
    worth = journal.equity[t]
    now = account.totals[[ac.A_EQUITY, ac.A_CASH, ac.A_EXPOSURE]]
    if not np.array_equal(now, worth):
        if not told:
            told.append(f"cash {worth[1]:.2f} USD without a fill, simulated {now[1]:.2f}")
        account.totals[[ac.A_EQUITY, ac.A_CASH, ac.A_EXPOSURE]] = worth
    if told:
        at = bar.bar_close[0]
        symbols = ", ".join(dict.fromkeys(line.split(" ", 1)[0] for line in told if line[:5] != "cash "))
        causes.append(Cause(Kind.FILL, at, symbols, "; ".join(told)))
        states[at] = copy_account(account)
    return simulated


def _redo(
    journal: Journalled,
    t: int,
    k: int,
    fills: list[Booked],
    bar: Panel,
    before: Account,
    account: Account,
    execution: Execution,
) -> None:
    """Write what one symbol's rows are after a bar with these fills; cash is left alone."""
    position, pending = before.positions[k : k + 1], before.pending[k : k + 1]
    p, q = position.view(POSITION)[0, 0], pending.view(PENDING)[0, 0]
    totals = np.zeros((1, ac.N_TOTALS)).view(TOTALS)[0, 0]  # thrown away: the journal has its own
    order = np.empty((1, ac.N_ORDER)).view(ORDER)[0, 0]
    held = journal.decided.account["position"][t, k] if journal.decided.there[t, k] else position[0, ac.P_QTY]
    price, split, dividend = (float(v[0, k]) for v in (bar.open, bar.split, bar.dividend))
    if position[0, ac.P_QTY] != 0.0:
        position[0, ac.P_HELD] += 1.0
        if split != 1.0 or dividend != 0.0:
            corporate_nb(totals, p, q, price, split, dividend, execution.fractional, execution.dividends)
    entries = [fill for fill in fills if fill.reason == "entry"]
    if held == 0.0:
        pending[0] = np.nan
        pending[0, [ac.Q_EXIT, ac.Q_QTY]] = 0.0
        mark = position[0, ac.P_MARK]
        position[0] = np.nan
        position[0, [ac.P_QTY, ac.P_HELD, ac.P_LAPSED]] = 0.0
        position[0, ac.P_MARK] = mark
    elif entries or position[0, ac.P_QTY] == 0.0:
        shares = abs(held)
        paid = (
            sum(f.quantity * f.price for f in entries) / sum(f.quantity for f in entries)
            if entries
            else price
        )
        pending[0, [ac.Q_EXIT, ac.Q_QTY]] = 0.0, math.copysign(shares, held)
        free = 4.0 * shares * paid
        enter_nb(totals, k, p, q, paid, free, 0.0, 0.0, True, order)
        pending[0, ac.Q_EXIT] = 0.0
    if position[0, ac.P_QTY] != 0.0:
        position[0, ac.P_QTY] = held
        if not math.isnan(position[0, ac.P_TRAIL]) and bar.members(0)[k]:
            ratchet_nb(p, float(bar.high[0, k]), float(bar.low[0, k]))
        pending[0, ac.Q_QTY] = 0.0
    if bar.members(0)[k]:
        position[0, ac.P_MARK] = bar.close[0, k]
    account.positions[k], account.pending[k] = position[0], pending[0]


def _adopt(account: Account, journal: Journalled, signals: F64, t: int, k: int) -> None:
    """Let wait for the next open what the journal says waits."""
    wanted = float(journal.decided.account["intent"][t, k])
    reason = str(journal.decided.texts["intent_reason"][t, k])
    pending = account.pending[k]
    pending[:] = np.nan
    pending[[ac.Q_EXIT, ac.Q_QTY]] = 0.0
    bar = account.totals[ac.A_BARS] - 1.0
    if reason == "entry":
        pending[ac.Q_QTY] = wanted
        pending[ac.Q_STOP : ac.Q_LIMIT + 1] = signals[sg.STOP : sg.LIMIT + 1, k, t]
        pending[ac.Q_DECIDED] = bar
    elif reason in _CODE and account.positions[k, ac.P_QTY] != 0.0:
        pending[[ac.Q_EXIT, ac.Q_EXIT_DECIDED]] = _CODE[reason], bar


def _booked(orders: F64) -> list[Booked]:
    return [
        Booked(
            int(row[ac.O_SYMBOL]), int(row[ac.O_SIDE]), row[ac.O_QTY], row[ac.O_PRICE], row[ac.O_FEE],
            ac.REASON_NAMES[int(row[ac.O_REASON])], "",
        )
        for row in orders.tolist()
    ]  # fmt: skip


def _by_symbol(fills: list[Booked]) -> dict[int, list[Booked]]:
    found: dict[int, list[Booked]] = {}
    for fill in fills:
        found.setdefault(fill.symbol, []).append(fill)
    return found


def _said(fills: list[Booked]) -> list[tuple[object, ...]]:
    return [(f.side, f.quantity, f.price, f.fee, LEG_OF_REASON[f.reason]) for f in fills]


def _words(fills: list[Booked], *, fees: bool) -> str:
    """Return fills in words: bought 100 at 12.34 (entry)."""
    if not fills:
        return "none"
    return " and ".join(
        f"{'bought' if f.side > 0 else 'sold'} {f.quantity:g} at {f.price:.10g} ({f.reason}"
        + (f", fee {f.fee:.2f})" if fees else ")")
        for f in fills
    )
