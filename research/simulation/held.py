"""The rows that a lane holds, and the features that compare two of them, made when asked for.

In: rows by name. Out: a feature as an array, or all rows side by side with the places of some of them, from
which `research.kernels.compared` makes features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from research.features.compared import recipe
from research.kernels.compared import HELD, compare_nb

__all__ = ["Held"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Held:
    """Rows by name, and features made of them, (T,) float64 each.

    Parameters
    ----------
    rows : mapping of str to (lead + T,) float64
    lead : int
        Bars of the rows before the first that may trade: what crosses on a bar was on the other side on the
        bar before.
    whole : (R, lead + T) float64, C-contiguous, optional
        The rows side by side, where they are that already.
    """

    def __init__(
        self, rows: Mapping[str, F64] | None = None, lead: int = 0, whole: F64 | None = None
    ) -> None:
        self.rows: Mapping[str, F64] = {}
        self._own: dict[str, F64] = {}
        self.change(rows or {}, lead, whole)

    def change(self, rows: Mapping[str, F64], lead: int, whole: F64 | None = None) -> None:
        """Hold these rows and no others."""
        kept = {name for name, row in rows.items() if self.rows.get(name) is row}
        self._own = {name: self._own[name] if name in kept else row[lead:] for name, row in rows.items()}
        self.rows, self.lead, self._whole = rows, lead, whole

    def __getitem__(self, name: str) -> F64:
        made = recipe(name)
        if made.code == HELD:
            return self._own[made.rows[0].name]
        one, other = (self.rows[row.name] for row in made.rows)
        out = np.empty((1, one.size - self.lead))
        numbers = np.array([made.code, made.param, 0, 1])
        compare_nb(numbers, np.stack([one, other]), self.lead, 0, out, 0)
        feature: F64 = out[0]
        return feature

    @property
    def matrix(self) -> F64:
        """The rows, (R, lead + T), in their order; the only copy that is kept."""
        if self._whole is None:
            whole = np.stack(list(self.rows.values()))
            self.change(dict(zip(self.rows, whole, strict=True)), self.lead, whole)
            return whole
        return self._whole

    def places(self, names: Sequence[str]) -> I64:
        """Return where in `matrix` some rows are; −1 if one is not held."""
        place = {name: k for k, name in enumerate(self.rows)}
        return np.array([place.get(name, -1) for name in names], dtype=np.int64)

    def cut(self, begin: int, end: int) -> Held:
        """Return the features of bars begin … end − 1, of each the very values."""
        lead = min(1, self.lead + begin)
        first = self.lead + begin - lead
        return Held({name: row[first : self.lead + end] for name, row in self.rows.items()}, lead)
