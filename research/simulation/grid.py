"""Grids: which parameter sets a sweep runs, in which order, and how one of them is found again.

In: a strategy and what a user wrote, `{"fast": range(5, 50, 5), "slow": "50:200:10"}`, with a constraint or
a random subset if wished.
Out: a `Grid`: one row of parameter values per cell, in product order (the last name
varies fastest), without the combinations that the strategy's own rule or the constraint
forbids; how many those were is kept and said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, BudgetError, UnknownName
from research.simulation.axes import axis_of
from research.simulation.choices import Constraint, allowed
from research.strategies import Strategy

__all__ = ["MOST_COMBINATIONS", "Grid", "build_grid", "decode", "whole"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MOST_COMBINATIONS = 20_000_000  # that are held against rule and constraint without a random subset
_MOST_PLACES = 2**62  # a combination's place in the product is an int64
_MOST_DRAWN = 10_000_000  # combinations that a random subset tries before it gives up
_DRAW = 1 << 16


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a sweep.

    Attributes
    ----------
    axes : dict of str to (V,) float64
        Each varied parameter and its values, as they were written.
    cells : (C, P) float64
        One row per cell, one column per axis; rows in product order.
    fixed : dict of str to float
        Parameters that are the same in every cell and differ from the defaults.
    left_out : int
        Combinations that the strategy's rule or the constraint forbids, of those that were looked at.
    complaint : str
        What was said of the first of them; "" if none.
    index : (C,) int64
        Each cell's place in the product of the axes, ascending.
    subset : str
        Of a random subset: how it was drawn, in words; "" is the whole product.
    """

    axes: dict[str, F64]
    cells: F64
    fixed: dict[str, float]
    left_out: int
    complaint: str
    index: I64
    subset: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The varied parameters, in the order of the columns of `cells`."""
        return tuple(self.axes)

    def __len__(self) -> int:
        return len(self.cells)

    def params(self, i: int) -> dict[str, float]:
        """Return what cell `i` asks of the strategy: its own values and the fixed ones."""
        return {**self.fixed, **dict(zip(self.names, self.cells[i].tolist(), strict=True))}

    def digits(self) -> list[I64]:
        """Return which value of each axis the cells have, (C,) int64 each."""
        return _digits(self.axes, self.index)

    def said(self, i: int) -> str:
        """Return cell `i` in words: `fast=5, slow=20`."""
        return ", ".join(f"{name}={value:g}" for name, value in self.params(i).items())

    def find(self, wanted: Mapping[str, object]) -> int:
        """Return the cell with these values.

        Parameters
        ----------
        wanted : mapping
            A value for every axis; one with a single value may be left out.

        Raises
        ------
        UnknownName
            A name that is no axis of this grid.
        BadValue
            An axis without a value, or a value that was not swept; the nearest ones are named.
        """
        for name in wanted:
            if name not in self.axes:
                raise UnknownName("swept parameter", name, self.axes)
        point = np.empty(len(self.axes))
        for p, (name, values) in enumerate(self.axes.items()):
            if name not in wanted:
                if len(values) > 1:
                    raise BadValue(
                        f"a cell needs a value of `{name}`, had none; choose one of {_listed(values)}"
                    )
                point[p] = values[0]
                continue
            value = wanted[name]
            number = float(value) if isinstance(value, (int, float, np.number)) else math.nan
            # A step of 0.1 is written 0.30000000000000004 by a range and 0.3 by a person.
            near = np.flatnonzero(np.isclose(values, number, rtol=1e-9, atol=0.0))
            if not near.size:
                raise BadValue(
                    f"`{name}` was not swept at {value!r}; the nearest values are {_nearest(values, number)}"
                )
            point[p] = values[near[0]]
        rows = np.flatnonzero(np.all(self.cells == point, axis=1))
        if not rows.size:
            said = ", ".join(f"{name}={value:g}" for name, value in zip(self.axes, point, strict=True))
            if self.subset:
                raise BadValue(f"the cell {said} is not among {self.subset}; choose one of `metrics`")
            raise BadValue(f"the cell {said} was left out: {self.complaint}")
        return int(rows[0])


def build_grid(
    strategy: Strategy,
    grid: Mapping[str, object],
    params: Mapping[str, object] | None = None,
    *,
    constraint: Constraint | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> Grid:
    """Hold a grid against a strategy's parameters.

    Parameters
    ----------
    strategy : Strategy
    grid : mapping of str to list, range, array, number or str
        The values of each parameter; a single number is an axis of one value, a text as
        `research.simulation.axes` reads it, ``"0.1:0.5:0.1"``, which includes its stop.
    params : mapping, optional
        Parameters fixed for all cells.
    constraint : callable, optional
        Takes a cell's parameters, all of them, as attributes or items, and says whether it is run:
        ``lambda p: p.fast < p.slow``. Asked once per distinct case of what it looks at.
    sample : int, optional
        Run that many of the allowed combinations, drawn without replacement, each subset as likely as
        another; all of them where there are no more. The product itself is never made.
    seed : int
        Of the draw: the same seed draws the same cells.

    Returns
    -------
    Grid

    Raises
    ------
    UnknownName
        A parameter that the strategy does not have; the nearest one is offered.
    BadValue
        An empty grid or axis, a value outside its parameter's rule or named twice, a
        parameter both varied and fixed, no combination that rule and constraint allow, a
        constraint that raises, or a `sample` below 1.
    BudgetError
        More combinations than can be looked at one by one, and no `sample`.

    Examples
    --------
    >>> from research.strategies import strategy_named
    >>> grid = build_grid(strategy_named("ma_crossover"), {"fast": [10, 20], "slow": [20, 50]})
    >>> len(grid), grid.left_out
    (3, 1)
    """
    known = strategy.parameters
    if not grid:
        raise BadValue(
            f"`grid` must name at least one parameter and its values, was {grid!r}; "
            f'write it like {{"{next(iter(strategy.own))}": [1, 2]}}'
        )
    if sample is not None and not whole(sample, 1):
        raise BadValue(f"`sample` must be a whole number ≥ 1, was {sample!r}; leave it out to run all cells")
    if not whole(seed, 0):
        raise BadValue(f"`seed` must be a whole number ≥ 0, was {seed!r}; it chooses the random subset")
    fixed: dict[str, float] = {}
    for name, value in (params or {}).items():
        if name not in known:
            raise UnknownName(f"parameter of {strategy.name}", name, known)
        if name in grid:
            raise BadValue(f"`{name}` is in `grid` and in `params`; keep it in one of them")
        fixed[name] = known[name].check(strategy.name, name, value)
    axes: dict[str, F64] = {}
    for name, given in grid.items():
        if name not in known:
            raise UnknownName(f"parameter of {strategy.name}", name, known)
        values = [known[name].check(strategy.name, name, value) for value in axis_of(name, given)]
        if not values:
            raise BadValue(f"`grid` must give `{name}` at least one value, was empty; name one")
        if len(set(values)) < len(values):
            seen: set[float] = set()
            twice = next(v for v in values if v in seen or seen.add(v))  # type: ignore[func-returns-value]
            raise BadValue(f"the values of `{name}` must differ, {twice:g} was named twice; name each once")
        axes[name] = np.array(values)

    total = math.prod(len(values) for values in axes.values())
    most = MOST_COMBINATIONS if sample is None else _MOST_PLACES
    if total > most:
        remedy = "shorten its lists" if sample else "draw some with sample=500, or shorten its lists"
        raise BudgetError(f"the grid must have {most:,} combinations at most, had {total:,}; {remedy}")
    base = {**strategy.defaults, **fixed}

    def kept(places: I64) -> tuple[NDArray[np.bool_], str]:
        return allowed(strategy.rule, constraint, base, axes, _digits(axes, places))

    if sample is None:
        places = np.arange(total)
        keep, complaint = kept(places)
        index, left_out = places[keep], int((~keep).sum())
        subset = ""
    else:
        index, left_out, complaint = _drawn(kept, total, sample, np.random.default_rng(seed))
        subset = f"the {index.size} of {total} combinations that seed {seed} drew"
    if not index.size:
        raise BadValue(f"{strategy.name} allows none of the {left_out} combinations: {complaint}")
    return Grid(axes, decode(axes, index), fixed, left_out, complaint, index, subset)


def whole(value: object, least: int) -> bool:
    """Say whether a value is a whole number, and not below `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def decode(axes: Mapping[str, F64], places: I64) -> F64:
    """Return the values of the combinations at some places of the product, (C, P) float64."""
    digits = _digits(axes, places)
    return np.stack([values[of] for values, of in zip(axes.values(), digits, strict=True)], axis=1)


def _digits(axes: Mapping[str, F64], places: I64) -> list[I64]:
    """Return which value of each axis the combinations at some places have; the last axis varies fastest."""
    out: list[I64] = []
    for values in list(axes.values())[::-1]:
        places, digit = np.divmod(places, len(values))
        out.append(digit)
    return out[::-1]


def _drawn(
    kept: Callable[[I64], tuple[NDArray[np.bool_], str]], total: int, sample: int, rng: np.random.Generator
) -> tuple[I64, int, str]:
    """Draw allowed places without replacement; return them ascending, how many were refused, and why."""
    found: list[I64] = []
    count, left_out, complaint, drawn = 0, 0, "", 0
    order = rng.permutation(total) if total <= _MOST_DRAWN else None
    seen: set[int] = set()
    batch = min(_DRAW, max(1024, 2 * sample))
    while count < sample and drawn < min(total, _MOST_DRAWN):
        size = min(batch, total - drawn)
        if order is not None:
            places = order[drawn : drawn + size]
        else:
            # Too many to shuffle: draw, and forget what was drawn before. The order stays that of the draws.
            places = rng.integers(total, size=size)
            first = np.sort(np.unique(places, return_index=True)[1])
            places = np.array([place for place in places[first].tolist() if place not in seen])
            seen.update(places.tolist())
        drawn += size
        keep, said = kept(places)
        here = np.flatnonzero(keep)[: sample - count]
        looked = here[-1] + 1 if here.size == sample - count else places.size
        found.append(places[here])
        count += here.size
        left_out += int(looked - here.size)
        complaint = complaint or said
    if count < sample and order is None:
        raise BadValue(
            f"of {_MOST_DRAWN:,} combinations drawn at random {count} are allowed, `sample` was {sample}; "
            f"the first of the others: {complaint}; shorten the lists to what is allowed"
        )
    return np.sort(np.concatenate(found)), left_out, complaint if left_out else ""


def _nearest(values: NDArray[np.float64], number: float) -> str:
    """Name the swept values on either side of `number`, or all of them if it is no number."""
    if math.isnan(number):
        return _listed(values)
    return " and ".join(f"{v:g}" for v in sorted(values[np.argsort(np.abs(values - number))[:2]]))


def _listed(values: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{v:g}" for v in values[:8])
    return shown if len(values) <= 8 else f"{shown} … {values[-1]:g} ({len(values)} values)"
