"""Decisions held against decisions, to the bit.

In: what an engine brought, or what a journal holds, on one grid of instants. Out: which cells differ, and in
what. NaN equals NaN; a number that one side does not have is NaN there, a missing text "".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from live.journalled import ACCOUNT, SIGNAL, TEXTS, Decided
from research.kernels import account as ac
from research.kernels import signals as sg

if TYPE_CHECKING:
    from research.advance import Advance
    from research.strategies import Strategy
    from research.trading import Walk

__all__ = ["DONE", "READ", "Differing", "decided_in", "differences", "differing", "spread"]

F64 = NDArray[np.float64]
Cells = NDArray[np.bool_]
READ, DONE = 0, 1  # parts of a decision: up to the signal, and what the account made of it
_OF_SIGNAL = (sg.ENTRY, sg.EXIT, sg.WEIGHT, sg.STOP, sg.TARGET, sg.TRAIL, sg.LIMIT)
_REASONS = np.array(("", *ac.REASON_NAMES[1:]))


@dataclass(frozen=True)
class Differing:
    """One value of one decision that differs; None is none.

    Attributes
    ----------
    row, column : int
        Of the grid.
    part : int
        `READ` or `DONE`.
    field : str
    journal, recomputed : float, str or None
    """

    row: int
    column: int
    part: int
    field: str
    journal: float | str | None
    recomputed: float | str | None


def decided_in(run: Advance, walk: Walk | Advance, strategy: Strategy, first: int) -> Decided:
    """Return the decisions of a run from its row `first` on.

    Parameters
    ----------
    run : Advance
        Whose features, signals and models they are.
    walk : Walk or Advance
        What the account made of them, in the same rows.
    strategy : Strategy
    first : int
    """
    there = ~np.isnan(run.panel.close[first:])
    empty = np.full(there.shape, "", dtype="<U8")
    model = empty
    if run.spoken is not None:
        model = np.where(there, np.array(run.spoken.models, dtype=str)[first:, None], "")
    decided = walk.decided[:, first:].transpose(1, 0, 2)
    side = decided[:, :, ac.I_SIDE]
    codes = walk.gates[:, first:].T
    gate = np.full(there.shape, "", dtype=object)
    for code in np.unique(codes[there]):
        gate[codes == code] = strategy.gate_name(code)
    account = (
        decided[:, :, ac.I_HELD],
        side * decided[:, :, ac.I_QTY],
        decided[:, :, ac.I_PROTECT],
        decided[:, :, ac.I_GOAL],
    )
    reason = np.where(side != 0.0, _REASONS[decided[:, :, ac.I_REASON].astype(np.int64)], "")
    return Decided(
        there=there,
        scores={name: run.features[k, :, first:].T for k, name in enumerate(run.names)},
        signal={name: run.signals[row, :, first:].T for name, row in zip(SIGNAL, _OF_SIGNAL, strict=True)},
        account=dict(zip(ACCOUNT, account, strict=True)),
        texts=dict(zip(TEXTS, (model, gate.astype(str), reason), strict=True)),
    )


def spread(decided: Decided, rows: NDArray[np.intp], size: int) -> Decided:
    """Return decisions on a wider grid: row i of theirs is row `rows[i]` of `size`."""
    n = decided.there.shape[1]

    def wide(values: NDArray[Any], empty: object) -> NDArray[Any]:
        out = np.full((size, n), empty, dtype=values.dtype)
        out[rows] = values
        return out

    there = wide(decided.there, empty=False)
    scores, signal, account = (
        {name: wide(values, np.nan) for name, values in group.items()}
        for group in (decided.scores, decided.signal, decided.account)
    )
    return Decided(there, scores, signal, account, {n: wide(v, "") for n, v in decided.texts.items()})


def _fields(decided: Decided) -> Iterator[tuple[str, int, NDArray[Any]]]:
    """Yield every field in the order in which a decision comes about, its part, and its values."""
    for group in (decided.scores, {"model": decided.texts["model"]}, decided.signal):
        yield from ((name, READ, values) for name, values in group.items())
    for group in ({name: decided.texts[name] for name in ("gate", "intent_reason")}, decided.account):
        yield from ((name, DONE, values) for name, values in group.items())


def _unequal(mine: Decided, its: Decided) -> Iterator[tuple[str, int, Cells, Any, Any]]:
    """Yield each field, its part, where it differs, and both sides' values."""
    left, right = ({name: (part, values) for name, part, values in _fields(d)} for d in (mine, its))
    nothing = np.full(mine.there.shape, np.nan)
    for name in dict.fromkeys((*left, *right)):
        part = (left.get(name) or right[name])[0]
        a, b = (side[name][1] if name in side else nothing for side in (left, right))
        same = a == b
        if a.dtype.kind == "f":
            same = same | (np.isnan(a) & np.isnan(b))
        yield name, part, ~same & mine.there & its.there, a, b


def differing(mine: Decided, its: Decided) -> Cells:
    """Return which decisions differ, and in what part.

    Returns
    -------
    (2, T, N) bool
        `READ`: in what was read, said or wanted, or only one side decided at all; `DONE`: in what the
        account made of it.
    """
    cells = np.stack([mine.there != its.there, np.zeros(mine.there.shape, dtype=bool)])
    for _, part, where, _, _ in _unequal(mine, its):
        cells[part] |= where
    return cells


def differences(mine: Decided, its: Decided) -> list[Differing]:
    """Return every value that differs, journal first, by row, column and field.

    Parameters
    ----------
    mine, its : Decided
        The journal's, and recomputed.
    """
    found: list[tuple[int, Differing]] = []
    for t, k in np.argwhere(mine.there != its.there).tolist():
        sides = ("there", None) if mine.there[t, k] else (None, "there")
        found.append((0, Differing(t, k, READ, "decision", *sides)))
    for order, (name, part, where, a, b) in enumerate(_unequal(mine, its), start=1):
        for t, k in np.argwhere(where).tolist():
            found.append((order, Differing(t, k, part, name, _told(a[t, k]), _told(b[t, k]))))
    found.sort(key=lambda one: (one[1].row, one[1].column, one[0]))
    return [one for _, one in found]


def _told(value: object) -> float | str | None:
    if isinstance(value, str):
        return str(value) or None
    assert isinstance(value, float)
    return None if np.isnan(value) else float(value)
