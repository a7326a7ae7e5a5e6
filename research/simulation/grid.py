"""Grids: which parameter sets a sweep runs, in which order, and how one of them is found again.

In: a strategy and what a user wrote, `{"fast": range(5, 50, 5), "slow": [50, 100]}`.
Out: a `Grid`: one row of parameter values per cell, in product order (the last name
varies fastest), without the combinations that the strategy's own rule forbids; how
many those were is kept and said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.strategies import Strategy

__all__ = ["Grid", "build_grid"]


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
        Combinations that the strategy's rule forbids.
    complaint : str
        What the rule said of the first of them; "" if none.
    """

    axes: dict[str, NDArray[np.float64]]
    cells: NDArray[np.float64]
    fixed: dict[str, float]
    left_out: int
    complaint: str

    @property
    def names(self) -> tuple[str, ...]:
        """The varied parameters, in the order of the columns of `cells`."""
        return tuple(self.axes)

    def __len__(self) -> int:
        return len(self.cells)

    def params(self, i: int) -> dict[str, float]:
        """Return what cell `i` asks of the strategy: its own values and the fixed ones."""
        return {**self.fixed, **dict(zip(self.names, self.cells[i].tolist(), strict=True))}

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
            raise BadValue(f"the cell {said} was left out: {self.complaint}")
        return int(rows[0])


def build_grid(
    strategy: Strategy, grid: Mapping[str, object], params: Mapping[str, object] | None = None
) -> Grid:
    """Hold a grid against a strategy's parameters.

    Parameters
    ----------
    strategy : Strategy
    grid : mapping of str to list, range, array or number
        The values of each parameter; a single number is an axis of one value.
    params : mapping, optional
        Parameters fixed for all cells.

    Returns
    -------
    Grid

    Raises
    ------
    UnknownName
        A parameter that the strategy does not have; the nearest one is offered.
    BadValue
        An empty grid or axis, a value outside its parameter's rule or named twice, a
        parameter both varied and fixed, or no combination that the rule allows.

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
    fixed: dict[str, float] = {}
    for name, value in (params or {}).items():
        if name not in known:
            raise UnknownName(f"parameter of {strategy.name}", name, known)
        if name in grid:
            raise BadValue(f"`{name}` is in `grid` and in `params`; keep it in one of them")
        fixed[name] = known[name].check(strategy.name, name, value)
    axes: dict[str, NDArray[np.float64]] = {}
    for name, given in grid.items():
        if name not in known:
            raise UnknownName(f"parameter of {strategy.name}", name, known)
        values = [known[name].check(strategy.name, name, value) for value in _values(name, given)]
        if not values:
            raise BadValue(f"`grid` must give `{name}` at least one value, was empty; name one")
        if len(set(values)) < len(values):
            twice = next(v for i, v in enumerate(values) if v in values[:i])
            raise BadValue(f"the values of `{name}` must differ, {twice:g} was named twice; name each once")
        axes[name] = np.array(values)

    kept, complaints = [], []
    base = {**strategy.defaults, **fixed}
    for combination in product(*(values.tolist() for values in axes.values())):
        said = None
        if strategy.rule is not None:
            said = strategy.rule({**base, **dict(zip(axes, combination, strict=True))})
        if said is None:
            kept.append(combination)
        else:
            complaints.append(said)
    if not kept:
        raise BadValue(f"{strategy.name} allows none of the {len(complaints)} combinations: {complaints[0]}")
    return Grid(axes, np.array(kept), fixed, len(complaints), complaints[0] if complaints else "")


def _values(name: str, given: object) -> list[object]:
    """Read one axis as a list; a single number is a list of one."""
    if isinstance(given, np.ndarray):
        given = np.atleast_1d(given).ravel().tolist()
    if isinstance(given, (int, float, np.number)):
        return [given]
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping)):
        return list(given)
    raise BadValue(
        f"the values of `{name}` must be a list, range, array or number, were {given!r}; write [0.1, 0.2]"
    )


def _nearest(values: NDArray[np.float64], number: float) -> str:
    """Name the swept values on either side of `number`, or all of them if it is no number."""
    if math.isnan(number):
        return _listed(values)
    return " and ".join(f"{v:g}" for v in sorted(values[np.argsort(np.abs(values - number))[:2]]))


def _listed(values: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{v:g}" for v in values[:8])
    return shown if len(values) <= 8 else f"{shown} … {values[-1]:g} ({len(values)} values)"
