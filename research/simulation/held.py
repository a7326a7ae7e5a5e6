"""The features that a lane holds: few rows, and features that compare two of them, made when asked for.

In: recipes (`research.features.compared`) and the rows that they name. Out: a mapping of feature names to
arrays, or the rows themselves with the integers by which `research.kernels.compared` makes features of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from research.features.compared import Recipe
from research.kernels.compared import HELD, compare_nb

__all__ = ["Held"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class Held(Mapping[str, F64]):
    """Features by name, (T,) float64 each.

    Parameters
    ----------
    recipes : mapping of str to Recipe
        Of each feature.
    rows : mapping of str to (lead + T,) float64
        By name, every row that the recipes read.
    lead : int
        Bars of the rows before the first that may trade, 0 or 1: what crosses on a bar was on the other side
        on the bar before.
    """

    def __init__(
        self,
        recipes: Mapping[str, Recipe] | None = None,
        rows: Mapping[str, F64] | None = None,
        lead: int = 0,
    ) -> None:
        self.rows: Mapping[str, F64] = {}
        self._own: dict[str, F64] = {}
        self.change(recipes or {}, rows or {}, lead)

    def change(self, recipes: Mapping[str, Recipe], rows: Mapping[str, F64], lead: int) -> None:
        """Hold these features and no others."""
        kept = {name for name, row in rows.items() if self.rows.get(name) is row}
        self._own = {name: self._own[name] if name in kept else row[lead:] for name, row in rows.items()}
        self.recipes, self.rows, self.lead = recipes, rows, lead
        for made in ("matrix", "_place"):
            self.__dict__.pop(made, None)

    def __getitem__(self, name: str) -> F64:
        if self.recipes[name].code == HELD:
            return self._own[name]
        out = np.empty((1, self.matrix.shape[1] - self.lead))
        compare_nb(self.numbers([name])[0], self.matrix, self.lead, out, 0)
        made: F64 = out[0]
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.recipes)

    def __len__(self) -> int:
        return len(self.recipes)

    @cached_property
    def matrix(self) -> F64:
        """The rows, (R, lead + T), in their order."""
        return np.stack(list(self.rows.values()))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.rows)}

    def numbers(self, names: Sequence[str]) -> I64:
        """Return the recipes of some features as the kernels read them, (M, 4) int64."""
        place = self._place
        found = []
        for name in names:
            code, param, rows, _ = self.recipes[name]
            found.append((code, param, place[rows[0].name], place[rows[-1].name]))
        return np.array(found, dtype=np.int64).reshape(len(found), 4)

    def cut(self, begin: int, end: int) -> Held:
        """Return the features of bars begin … end − 1, of each the very values."""
        lead = min(1, self.lead + begin)
        first = self.lead + begin - lead
        return Held(
            self.recipes, {name: row[first : self.lead + end] for name, row in self.rows.items()}, lead
        )
