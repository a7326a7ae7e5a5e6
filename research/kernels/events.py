"""When something may happen to one symbol's account: closes that want in or out, splits, dividends.

In: what a strategy chose at each close, all bars at once or piece by piece, and the bars.
Out: ascending lists of bars, so that an account that waits, or only holds, need not ask each of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.jit import njit
from research.kernels.one_symbol import closes_nb
from research.kernels.settle import B_DIVIDEND, B_SPLIT

__all__ = ["N_LISTS", "actions_nb", "end_events_nb", "events_nb"]

# Lists of one account, (N_LISTS, T + 1) int32. An entry is twice its bar, plus 1 if it is short.
ENTRIES, LONG_EXITS, SHORT_EXITS, N_LISTS = 0, 1, 2, 3

_AT_ONCE = 8  # closes that are asked together whether they want anything


@njit
def actions_nb(bars: NDArray[np.float64], execution: NDArray[np.float64], ahead: NDArray[np.int32]) -> None:
    """Say for each bar the next, itself included, with a split or a dividend that is paid; T is none.

    Parameters
    ----------
    bars : (N_BARS, T) float64
    execution : (N_EXECUTION,) float64
    ahead : (T + 1,) int32
        Written.
    """
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    ahead[-1] = following = bars.shape[1]
    for i in range(bars.shape[1] - 1, -1, -1):
        if bars[B_SPLIT, i] != 1.0 or (dividends and bars[B_DIVIDEND, i] != 0.0):
            following = i
        ahead[i] = following


@njit
def events_nb(
    chosen: NDArray[np.float64], begin: int, lists: NDArray[np.int32], counts: NDArray[np.int64]
) -> None:
    """Append to the lists what is wanted at some closes that follow each other.

    Parameters
    ----------
    chosen : (N_SIGNALS, M) float64
        Rows ENTRY, EXIT and GATE are read.
    begin : int
        The bar of the first of them.
    lists : (N_LISTS, T + 1) int32
    counts : (N_LISTS,) int64
        How long each is.
    """
    enter, leave, cover = lists[ENTRIES], lists[LONG_EXITS], lists[SHORT_EXITS]
    n_enter, n_leave, n_cover = counts[ENTRIES], counts[LONG_EXITS], counts[SHORT_EXITS]
    bits = chosen.view(np.int64)
    side_bits, exit_bits = bits[sg.ENTRY], bits[sg.EXIT]
    n = chosen.shape[1]
    for at in range(0, n, _AT_ONCE):
        end = at + _AT_ONCE
        if end <= n:
            # Most closes want nothing, which is all bits 0: one question for several, as integers vectorise.
            wanted = 0
            for j in range(_AT_ONCE):
                wanted |= side_bits[at + j] | exit_bits[at + j]
            if wanted == 0:
                continue
        for j in range(at, min(end, n)):
            side, exit_signal = chosen[sg.ENTRY, j], chosen[sg.EXIT, j]
            if side == 0.0 and exit_signal == 0.0:
                continue
            leaves, covers = closes_nb(exit_signal, 1.0), closes_nb(exit_signal, -1.0)
            # A side that is NaN wants nothing; one that is closed at once is no entry.
            if chosen[sg.GATE, j] == 0.0 and ((side > 0.0 and not leaves) or (side < 0.0 and not covers)):
                enter[n_enter] = 2 * (begin + j) + (1 if side < 0.0 else 0)
                n_enter += 1
            if leaves:
                leave[n_leave] = begin + j
                n_leave += 1
            if covers:
                cover[n_cover] = begin + j
                n_cover += 1
    counts[ENTRIES], counts[LONG_EXITS], counts[SHORT_EXITS] = n_enter, n_leave, n_cover


@njit
def end_events_nb(lists: NDArray[np.int32], counts: NDArray[np.int64], n_bars: int) -> None:
    """Put bar T, which never comes, behind the last of each list."""
    lists[ENTRIES, counts[ENTRIES]] = 2 * n_bars
    lists[LONG_EXITS, counts[LONG_EXITS]] = n_bars
    lists[SHORT_EXITS, counts[SHORT_EXITS]] = n_bars
