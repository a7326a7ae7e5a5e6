"""The rows that a lane holds, and the features that compare two of them, made when asked for.

In: rows by name; of those that are only ever compared for a crossing, how they stand among each other. Out: a
feature as an array, or all rows side by side with the places of some of them, from which
`research.kernels.compared` makes features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from research.features.compared import recipe
from research.kernels import codes as do
from research.kernels.compared import HELD, compare_nb

__all__ = ["Held"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U16 = NDArray[np.uint16]
Matrices = tuple[F64, U16]


class Held:
    """Rows by name, and features made of them, (T,) float64 each.

    Parameters
    ----------
    rows : mapping of str to (lead + T,) float64
    lead : int
        Bars of the rows before the first that may trade: what crosses on a bar was on the other side on the
        bar before.
    standing : mapping of str to (lead + T,) uint16
        Places of rows among each other (`research.kernels.standing`), of which crossings are made.
    """

    def __init__(
        self, rows: Mapping[str, F64] | None = None, lead: int = 0, standing: Mapping[str, U16] | None = None
    ) -> None:
        self.rows: Mapping[str, F64] = {}
        self.standing: Mapping[str, U16] = {}
        self._own: dict[str, F64] = {}
        self.change(rows or {}, lead, standing)

    def change(self, rows: Mapping[str, F64], lead: int, standing: Mapping[str, U16] | None = None) -> None:
        """Hold these rows and no others."""
        kept = {name for name, row in rows.items() if self.rows.get(name) is row}
        self._own = {name: self._own[name] if name in kept else row[lead:] for name, row in rows.items()}
        self.rows, self.lead, self.standing = rows, lead, standing or {}
        self._matrices: Matrices | None = None

    def __getitem__(self, name: str) -> F64:
        made = recipe(name)
        if made.code == HELD:
            return self._own[made.rows[0].name]
        names = [row.name for row in made.rows]
        rows, standing = np.empty((0, 0)), np.empty((0, 0), dtype=np.uint16)
        if made.code == do.CROSS:
            standing = np.stack([self.standing[one] for one in names])
        else:
            rows = np.stack([self.rows[one] for one in names])
        out = np.empty((1, max(rows.shape[1], standing.shape[1]) - self.lead))
        compare_nb(np.array([made.code, made.param, 0, 1]), rows, standing, self.lead, 0, out, 0)
        feature: F64 = out[0]
        return feature

    @property
    def matrices(self) -> Matrices:
        """The rows, (R, lead + T), and those that stand, (S, lead + T); no second copy is kept.

        Of a kind that has no row, the matrix is (0, 0).
        """
        if self._matrices is not None:
            return self._matrices
        none = np.empty((0, 0))
        rows = np.stack(list(self.rows.values())) if self.rows else none
        standing = np.stack(list(self.standing.values())) if self.standing else none.astype(np.uint16)
        self.take(tuple(self.rows), rows, tuple(self.standing), standing, self.lead)
        return rows, standing

    def take(self, rows: Sequence[str], values: F64, standing: Sequence[str], places: U16, lead: int) -> None:
        """Hold the rows of two matrices by these names, and no others."""
        self.change(dict(zip(rows, values, strict=True)), lead, dict(zip(standing, places, strict=True)))
        self._matrices = values, places

    def places(self, names: Sequence[str], code: int) -> I64:
        """Return where in its matrix the rows of features by that code are; −1 if one is not held."""
        held: Mapping[str, object] = self.standing if code == do.CROSS else self.rows
        place = {name: k for k, name in enumerate(held)}
        return np.array([place.get(name, -1) for name in names], dtype=np.int64)

    def cut(self, begin: int, end: int) -> Held:
        """Return the features of bars begin … end − 1, of each the very values."""
        lead = min(1, self.lead + begin)
        part = slice(self.lead + begin - lead, self.lead + end)
        return Held(
            {name: row[part] for name, row in self.rows.items()},
            lead,
            {name: row[part] for name, row in self.standing.items()},
        )
