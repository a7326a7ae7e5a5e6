"""What each cell of a sweep reads, and how many bars it needs for that.

In: a strategy and a grid. Out: `Needs`. Many cells read few lists of features, and many features are made of
few rows, so these are numbered: a cell has the number of a list, a list the numbers of features, and a
feature a recipe of rows. Names are made only for those who ask for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.features.catalogue import Feature
from research.features.compared import pairs, recipe
from research.kernels import codes as do
from research.simulation.choices import Point, answers, cases
from research.simulation.grid import Grid
from research.strategies import Strategy
from research.strategies.base import SHARED_FEATURES
from research.strategies.declared import Names

__all__ = ["Lists", "Needs", "Reads", "Rows", "needs", "spoken"]

I64 = NDArray[np.int64]


class Rows(NamedTuple):
    """The rows that features are made of.

    Attributes
    ----------
    values : tuple of Feature
        Those whose values are read.
    standing : tuple of Feature
        Those that are compared for a crossing, which asks how they stand among each other and no more.
    """

    values: tuple[Feature, ...]
    standing: tuple[Feature, ...]

    @property
    def distinct(self) -> int:
        """How many rows these are."""
        return len({row.name for row in (*self.values, *self.standing)})

    @classmethod
    def of(cls, names: Iterable[str]) -> Rows:
        """Return those of some features."""
        values, standing = dict[str, Feature](), dict[str, Feature]()
        for name in names:
            made = recipe(name)
            (standing if made.code == do.CROSS else values).update({row.name: row for row in made.rows})
        return cls(tuple(values.values()), tuple(standing.values()))


@dataclass(frozen=True, eq=False)
class Lists:
    """D lists of M features, which are made of R rows.

    Attributes
    ----------
    rows : tuple of Feature
    recipes : (M, 4) int64
        As `research.kernels.compared` reads them, rows by their places in `rows`.
    flat : (sum of lengths,) int32
        The features of the first list, then those of the second, and so on.
    starts : (D + 1,) int64
        Where in `flat` each list begins, and the last one ends.
    told : callable
        Returns the names of all features.
    """

    rows: tuple[Feature, ...]
    recipes: I64
    flat: NDArray[np.int32]
    starts: I64
    told: Callable[[], Sequence[str]]

    @cached_property
    def names(self) -> Sequence[str]:
        """The names of the features."""
        return self.told()

    @cached_property
    def _named(self) -> dict[int, tuple[str, ...]]:
        return {}

    def named(self, k: int) -> tuple[str, ...]:
        """Return list `k` by names, the same object each time."""
        if k not in self._named:
            self._named[k] = tuple(self.names[f] for f in self.flat[self.starts[k] : self.starts[k + 1]])
        return self._named[k]

    def rows_of(self, lists: I64) -> tuple[I64, I64]:
        """Return which rows some lists read by their values, and which by how they stand, ascending."""
        chosen = np.zeros(len(self.starts) - 1, dtype=np.bool_)
        chosen[lists] = True
        read = np.zeros(len(self.recipes), dtype=np.bool_)
        read[self.flat[np.repeat(chosen, np.diff(self.starts))]] = True
        crossing = self.recipes[:, 0] == do.CROSS
        return self._marked(read & ~crossing), self._marked(read & crossing)

    def _marked(self, features: NDArray[np.bool_]) -> I64:
        used = np.zeros(len(self.rows), dtype=np.bool_)
        used[self.recipes[features, 2]] = used[self.recipes[features, 3]] = True
        return np.flatnonzero(used)


@dataclass(frozen=True, eq=False)
class Reads(Sequence[tuple[str, ...]]):
    """The features that C cells read, by names where it is read as a sequence.

    Attributes
    ----------
    lists : Lists
    case : (C,) int64
        The list of each cell.
    """

    lists: Lists
    case: I64

    @classmethod
    def none(cls) -> Reads:
        """Return those of no cell."""
        empty = np.empty(0, dtype=np.int64)
        lists = Lists((), empty.reshape(0, 4), empty.astype(np.int32), np.zeros(1, dtype=np.int64), tuple)
        return cls(lists, empty)

    def __len__(self) -> int:
        return len(self.case)

    @overload
    def __getitem__(self, at: int) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> Reads: ...
    def __getitem__(self, at: int | slice) -> tuple[str, ...] | Reads:
        """Return what one cell reads; a slice is some cells."""
        if isinstance(at, slice):
            return Reads(self.lists, self.case[at])
        return self.lists.named(int(self.case[at]))

    def take(self, cells: I64) -> Reads:
        """Return some cells."""
        return Reads(self.lists, self.case[cells])

    def rows(self) -> Rows:
        """Return the rows that their features are made of."""
        values, standing = self.lists.rows_of(self.case)
        rows = self.lists.rows
        return Rows(tuple(rows[k] for k in values.tolist()), tuple(rows[k] for k in standing.tolist()))


@dataclass(frozen=True, eq=False)
class Needs:
    """What each cell of a grid needs.

    Attributes
    ----------
    reads : Reads
        The features that each cell reads.
    lookback : (C,) int64
        Bars that each cell needs before its first decision.
    broken : mapping of int to str
        Cells whose features cannot be told, and why; they read nothing.
    """

    reads: Reads
    lookback: I64
    broken: Mapping[int, str]


def needs(rule: Strategy, grid: Grid) -> Needs:
    """Ask a strategy what each cell of a grid reads, once per distinct case, or all at once."""
    if isinstance(rule.reads, Names):
        told = _declared(rule, rule.reads, grid)
        if told is not None:
            return told

    def ask(point: Point) -> tuple[tuple[str, ...], int, str]:
        try:
            read = rule.features(point)
            return read, max([recipe(name).lookback for name in read]), ""
        # Whatever a strategy raises is told with the cell, and the others run.
        except Exception as problem:  # noqa: BLE001
            return (), 0, spoken(problem)

    known, case = answers(ask, {**rule.defaults, **grid.fixed}, grid.axes, grid.digits())
    number = {read: k for k, read in enumerate(dict.fromkeys(read for read, _, _ in known))}
    names = {name: k for k, name in enumerate(dict.fromkeys(chain.from_iterable(number)))}
    made = [recipe(name) for name in names]
    rows = {row.name: row for one in made for row in one.rows}
    place = {name: k for k, name in enumerate(rows)}
    recipes = [(one.code, one.param, place[one.rows[0].name], place[one.rows[-1].name]) for one in made]
    lists = Lists(
        rows=tuple(rows.values()),
        recipes=np.array(recipes, dtype=np.int64).reshape(len(made), 4),
        flat=np.array([names[name] for read in number for name in read], dtype=np.int32),
        starts=np.cumsum([0, *(len(read) for read in number)]),
        told=lambda: tuple(names),
    )
    bad = [k for k, (_, _, why) in enumerate(known) if why]
    broken = {i: known[case[i]][2] for i in np.flatnonzero(np.isin(case, bad)).tolist()}
    lookback = np.array([bars for _, bars, _ in known], dtype=np.int64)
    of = np.array([number[read] for read, _, _ in known], dtype=np.int64)
    return Needs(Reads(lists, of[case]), lookback[case], broken)


def _declared(rule: Strategy, reads: Names, grid: Grid) -> Needs | None:
    """Return the needs of a strategy that compares one family of pairs, beside features that do not vary.

    None where it is another case, or one of the features cannot be told: each cell is asked then.
    """
    base = {**rule.defaults, **grid.fixed}
    varied = [p for p in reads.patterns if any(name in grid.axes for name in reads.fields(p))]
    if len(varied) != 1 or varied[0] != reads.patterns[-1]:
        return None
    fields = reads.fields(varied[0])
    front = varied[0].removesuffix("_" + "_".join(f"{{{name}:.0f}}" for name in fields))
    if len(fields) != 2 or front == varied[0]:
        return None
    fixed = SHARED_FEATURES + tuple(pattern.format_map(base) for pattern in reads.patterns[:-1])
    digits = grid.digits()
    first, case = cases([name for name in grid.axes if name in fields], grid.axes, digits)
    columns = {
        name: values[of[first]].astype(np.int64)
        for (name, values), of in zip(grid.axes.items(), digits, strict=True)
        if name in fields
    }
    one, other = (columns.get(name, np.full(first.size, int(base[name]))) for name in fields)
    found = pairs(front, one, other)
    try:
        whole = [recipe(name) for name in fixed]
    except (BadValue, UnknownName):
        return None
    if found is None or any(len(made.rows) > 1 for made in whole):
        return None
    n, count = len(fixed), first.size
    recipes = np.zeros((n + count, 4), dtype=np.int64)
    recipes[:n, 0], recipes[:n, 2:] = [made.code for made in whole], np.arange(n)[:, None]
    recipes[n:] = found.recipes
    recipes[n:, 2:] += n
    flat = np.empty((count, n + 1), dtype=np.int32)
    flat[:, :n], flat[:, n] = np.arange(n), np.arange(n, n + count)

    def names() -> Sequence[str]:
        windows = zip(one.tolist(), other.tolist(), strict=True)
        return (*fixed, *(f"{front}_{a}_{b}" for a, b in windows))

    rows = tuple(made.rows[0] for made in whole) + found.rows
    starts = np.arange(count + 1) * (n + 1)
    lookback = np.maximum(found.lookback, max(made.lookback for made in whole))
    return Needs(Reads(Lists(rows, recipes, flat.ravel(), starts, names), case), lookback[case], {})


def spoken(problem: Exception) -> str:
    """Return an error as one line; its kind where it is none of ours."""
    line = " ".join(str(problem).split())
    return line if isinstance(problem, BadValue) else f"{type(problem).__name__}: {line}"
