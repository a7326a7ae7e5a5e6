"""What an account remembers between bars, and the names of its numbers.

An `Account` is three float64 arrays, so that Numba types it and a snapshot is its
bytes. Everything the broker kernels know about the past is in here; that is what
makes the chunk law hold. In: a number of symbols and an initial capital. Out: the
arrays, and the integer constants by which callers index their columns. Kernels see
the rows as records with the same names (`account_rows`).

NaN means "none" wherever a price, a fraction or a limit may be missing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Account", "copy_account", "empty_orders", "new_account"]

# --- execution vector: how orders are filled (research.execution.Execution.as_array) ------------------
X_SLIPPAGE, X_COMMISSION, X_FRACTIONAL, X_ALLOW_SHORT, X_DIVIDENDS, N_EXECUTION = range(6)

# --- totals (N_TOTALS,): the account as a whole -----------------------------------------------------------
A_CASH = 0  # USD; proceeds of short sales included
A_EQUITY = 1  # USD at the last close: cash + Σ quantity × mark
A_EXPOSURE = 2  # Σ quantity × mark ÷ equity at the last close, signed
A_BARS = 3  # bars seen so far; the next bar has this index
A_FEES = 4  # USD of commission paid
A_SLIPPAGE = 5  # USD given up to slippage
A_DIVIDENDS = 6  # USD received, less paid on shorts
A_LIEU = 7  # USD paid in place of the fractions of a share that splits left over
A_AMBIGUOUS = 8  # bars in which stop and target both lay inside the bar; the stop was taken
A_LAPSED_NO_BAR = 9  # entries that lapsed because the symbol had no bar
A_LAPSED_CASH = 10  # entries that lapsed because cash bought not one share
A_LAPSED_SIZE = 11  # entries that lapsed because a reverse split left not one share of them
A_CUT = 12  # entries filled with fewer shares than asked for: the cash at hand bought no more
N_TOTALS = 13

# --- positions (N, N_POSITION): one row per symbol --------------------------------------------------------
P_QTY = 0  # raw shares, signed; 0 is flat
P_MARK = 1  # last close seen, NaN before the first
P_FILL = 2  # price the position was opened at
P_STOP = 3  # level of the fixed stop, NaN none
P_TARGET = 4  # level of the target, NaN none
P_TRAIL = 5  # trailing distance as a fraction, NaN none
P_PEAK = 6  # best price so far: highest high of a long, lowest low of a short, from the fill on
P_PROTECT = 7  # level in force: the tighter of fixed and trailing stop, NaN none
P_LIMIT = 8  # bars after which the position is closed, NaN none
P_HELD = 9  # the symbol's own bars held, the entry bar included
P_DECIDED = 10  # bar at whose close the entry was decided
P_LAPSED = 11  # why the entry decided at the last close came to nothing in this bar: a gate, or 0
N_POSITION = 12

# --- pending (N, N_PENDING): decided at the last close, executed at the next open -------------------------
Q_EXIT = 0  # reason to close the position at the next open (SIGNAL or TIME), 0 none
Q_EXIT_DECIDED = 1  # bar at whose close that was decided
Q_QTY = 2  # shares to enter with, signed; 0 none
Q_STOP = 3  # fractions of the fill price
Q_TARGET = 4
Q_TRAIL = 5
Q_LIMIT = 6
Q_DECIDED = 7
N_PENDING = 8

# --- orders (M, N_ORDER): one row per fill ----------------------------------------------------------------
O_BAR = 0  # index of the bar, counted from the account's first
O_SYMBOL = 1
O_SIDE = 2  # +1 bought, −1 sold
O_QTY = 3  # raw shares, > 0
O_PRICE = 4  # USD a share, slippage included
O_FEE = 5  # USD
O_REASON = 6
O_AMBIGUOUS = 7  # 1: stop and target both lay inside the bar
O_DECIDED = 8  # bar at whose close it was decided; a stop's or target's is that of its entry
O_ASKED = 9  # raw shares decided, after any split since; more than O_QTY only of an entry cut to the cash
N_ORDER = 10

ENTERED, SIGNAL, STOP, TARGET, TRAIL, TIME = 1, 2, 3, 4, 5, 6
REASON_NAMES = ("none", "entry", "signal", "stop", "target", "trail", "time")

# --- intents (N, N_INTENT): what the account should do at the next open, and what protects it there -------
I_SIDE = 0  # +1 buy, −1 sell, 0 nothing
I_QTY = 1  # raw shares, > 0 where there is a side
I_REASON = 2  # ENTERED, SIGNAL or TIME; 0 nothing
I_STOP = 3  # of an entry, as fractions of the price it will fill at
I_TARGET = 4
I_TRAIL = 5
I_LIMIT = 6
I_HELD = 7  # position at this close, raw shares, signed
I_PROTECT = 8  # level of the stop in force during the next bar, NaN none
I_GOAL = 9  # level of the target in force, NaN none
I_LAPSED = 10  # why the entry decided one bar earlier came to nothing in this bar: a gate, or 0
N_INTENT = 11

# --- account gates: why an entry that the strategy passed was not taken -----------------------------------
GATE_HELD = 100  # the symbol is already held
GATE_CASH = 101  # no free cash
GATE_SIZE = 102  # weight × equity is less than one share, or is no number
GATE_SHORT = 103  # short, and shorts are not allowed
GATE_TRAINING = 104  # the bar is reserved for training
GATE_NO_BAR = 105  # the symbol has no bar
GATE_NAMES = {
    GATE_HELD: "already held",
    GATE_CASH: "no free cash",
    GATE_SIZE: "less than one share",
    GATE_SHORT: "short not allowed",
    GATE_TRAINING: "training bars",
    GATE_NO_BAR: "no bar",
}


class Account(NamedTuple):
    """The state of one account between two bars.

    Attributes
    ----------
    totals : (N_TOTALS,) float64
    positions : (N, N_POSITION) float64
    pending : (N, N_PENDING) float64
    """

    totals: NDArray[np.float64]
    positions: NDArray[np.float64]
    pending: NDArray[np.float64]


def new_account(n_symbols: int, cash: float) -> Account:
    """Return an account that holds `cash` USD and nothing else.

    Examples
    --------
    >>> float(new_account(2, 1000.0).totals[A_EQUITY])
    1000.0
    """
    account = Account(
        np.zeros(N_TOTALS),
        np.full((n_symbols, N_POSITION), np.nan),
        np.full((n_symbols, N_PENDING), np.nan),
    )
    account.totals[A_CASH] = account.totals[A_EQUITY] = cash
    for field in (P_QTY, P_HELD, P_LAPSED):
        account.positions[:, field] = 0.0
    for field in (Q_EXIT, Q_QTY):
        account.pending[:, field] = 0.0
    return account


def copy_account(account: Account) -> Account:
    """Return an account with arrays of its own; the kernels change theirs in place."""
    return Account(account.totals.copy(), account.positions.copy(), account.pending.copy())


def empty_orders(n_bars: int, n_symbols: int) -> NDArray[np.float64]:
    """Return room for every order that so many bars can bring: two per symbol and bar."""
    return np.empty((2 * n_bars * n_symbols, N_ORDER))
