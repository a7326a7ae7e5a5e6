"""When something may be wanted of one symbol's account: closes that want in or out.

In: what a strategy chose at each close, all bars at once or piece by piece.
Out: ascending lists of bars, so that an account that waits, or only holds, need not ask each of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import signals as sg
from research.kernels.jit import njit
from research.kernels.one_symbol import closes_nb

__all__ = ["N_LISTS", "end_events_nb", "events_nb"]

# Lists of one account, (N_LISTS, T + 1) int32. An entry is twice its bar, plus 1 if it is short.
ENTRIES, LONG_EXITS, SHORT_EXITS, N_LISTS = 0, 1, 2, 3

_AT_ONCE = 8  # closes that are asked together whether they want anything


@njit
def events_nb(
    chosen: NDArray[np.float64], at: NDArray[np.int32], lists: NDArray[np.int32], counts: NDArray[np.int64]
) -> None:
    """Append to the lists what is wanted at some closes.

    Parameters
    ----------
    chosen : (N_SIGNALS, M) float64
        Rows ENTRY, EXIT and GATE are read.
    at : (M,) int32
        The bar of each, ascending.
    lists : (N_LISTS, T + 1) int32
    counts : (N_LISTS,) int64
        How long each is.
    """
    enter, leave, cover = lists[ENTRIES], lists[LONG_EXITS], lists[SHORT_EXITS]
    n_enter, n_leave, n_cover = counts[ENTRIES], counts[LONG_EXITS], counts[SHORT_EXITS]
    bits = chosen.view(np.int64)
    side_bits, exit_bits = bits[sg.ENTRY], bits[sg.EXIT]
    n = chosen.shape[1]
    for first in range(0, n, _AT_ONCE):
        end = first + _AT_ONCE
        if end <= n:
            # Most closes want nothing, which is all bits 0: one question for several, as integers vectorise.
            wanted = 0
            for j in range(_AT_ONCE):
                wanted |= side_bits[first + j] | exit_bits[first + j]
            if wanted == 0:
                continue
        for j in range(first, min(end, n)):
            side, exit_signal = chosen[sg.ENTRY, j], chosen[sg.EXIT, j]
            if side == 0.0 and exit_signal == 0.0:
                continue
            leaves, covers = closes_nb(exit_signal, 1.0), closes_nb(exit_signal, -1.0)
            # A side that is NaN wants nothing; one that is closed at once is no entry.
            if chosen[sg.GATE, j] == 0.0 and ((side > 0.0 and not leaves) or (side < 0.0 and not covers)):
                enter[n_enter] = 2 * at[j] + (1 if side < 0.0 else 0)
                n_enter += 1
            if leaves:
                leave[n_leave] = at[j]
                n_leave += 1
            if covers:
                cover[n_cover] = at[j]
                n_cover += 1
    counts[ENTRIES], counts[LONG_EXITS], counts[SHORT_EXITS] = n_enter, n_leave, n_cover


@njit
def end_events_nb(lists: NDArray[np.int32], counts: NDArray[np.int64], n_bars: int) -> None:
    """Put bar T, which never comes, behind the last of each list."""
    lists[ENTRIES, counts[ENTRIES]] = 2 * n_bars
    lists[LONG_EXITS, counts[LONG_EXITS]] = n_bars
    lists[SHORT_EXITS, counts[SHORT_EXITS]] = n_bars
