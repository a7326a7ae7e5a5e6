"""A sweep as a thing that can be run: what was asked, the grid, the lanes, the executor.

In: bars, a strategy, a grid. Out: a `Study`, from which any cell's figures, orders or portfolio can be made;
and the same without cells, `bench`, which is what a worker on another machine needs once, however many cells
it is then given by their places in the product.
"""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.kernels.belief import N_PREDICTIONS
from research.request import Request
from research.simulation.figures import Executor
from research.simulation.grid import Grid, decode
from research.simulation.held import Held
from research.simulation.lanes import Cells, Lane, Lanes, Words, lay_out
from research.simulation.lessons import Lessons, lessons_of
from research.simulation.needs import Needs, Reads, needs
from research.strategies import Strategy

__all__ = ["Study"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that makes a cell's figures.

    Attributes
    ----------
    request : Request
    grid : Grid
    lanes : Lanes
    executor : Executor
    needs : Needs
    bars : DataFrame
        The bar table that was swept, all of it.
    lessons : Lessons, optional
        What the models of the cells learn, of a strategy that has one.
    """

    request: Request
    grid: Grid
    lanes: Lanes
    executor: Executor
    needs: Needs
    bars: pl.DataFrame = field(repr=False)
    lessons: Lessons | None = None

    @classmethod
    def of(
        cls, request: Request, grid: Grid, executor: Executor, bars: pl.DataFrame, max_learners: int = 50
    ) -> Study:
        """Lay out the lanes of a grid's cells.

        Raises
        ------
        BadValue
            What every cell reads cannot be told.
        UnknownName, NotEnoughHistory
            As `lay_out`.
        BudgetError
            The models of the cells need more learners than `max_learners`.
        """
        asked = needs(request.rule(), grid)
        told = np.setdiff1d(np.arange(len(grid)), list(asked.broken), assume_unique=True)
        if not told.size:
            raise BadValue(f"all {len(grid)} cells fail; {grid.said(0)}: {asked.broken[0]}")
        # Who needs the fewest bars: warm-up first, then what the labels of a model take to settle.
        settles = (
            grid.cells[:, grid.names.index("time_limit")] if "time_limit" in grid.names else asked.lookback
        )
        shortest = int(told[np.lexsort((settles[told], asked.lookback[told]))[0]])
        lanes = lay_out(replace(request, params=grid.params(shortest)), bars)
        lessons = lessons_of(request, grid, lanes.lanes, asked.reads, max_learners)
        return cls(request, grid, lanes, executor, asked, bars, lessons)

    @property
    def rule(self) -> Strategy:
        """The strategy's record."""
        return self.request.rule()

    @property
    def reads(self) -> Reads:
        """The features that each cell reads."""
        return self.needs.reads

    @property
    def lookback(self) -> I64:
        """Bars that each cell needs before its first decision, (C,) int64."""
        return self.needs.lookback

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, those without a lane included."""
        return self.lanes.panel.symbols

    def most(self, name: str) -> float:
        """Return the largest value of a parameter in any cell."""
        fixed = {**self.lanes.lanes[0].base, **self.grid.fixed}
        return float(np.max(self.grid.axes.get(name, fixed[name])))

    def cells(self, lane: Lane, cells: I64) -> Cells:
        """Return some cells as a lane runs them; what their models have not learned yet, they learn."""
        words = None if self.lessons is None else self.lessons.words(lane, cells)
        return Cells(self.rule, self.vectors(lane, cells), self.reads.take(cells), words)

    def vectors(self, lane: Lane, cells: I64) -> F64:
        """Return all parameters of some cells, (C, P), in the order of the strategy's kernels."""
        known = list(self.rule.parameters)
        vectors = np.repeat(self.rule.vector({**lane.base, **self.grid.fixed})[None], cells.size, axis=0)
        vectors[:, [known.index(name) for name in self.grid.names]] = self.grid.cells[cells]
        return vectors

    def one(self, symbol: str | None, wanted: dict[str, object]) -> tuple[Lane, Cells]:
        """Return the lane of one symbol, which holds what the cell reads, and the cell."""
        if symbol is None:
            if len(self.symbols) > 1:
                raise BadValue(
                    f"an account needs a `symbol`, had none; choose one of {', '.join(self.symbols[:8])}"
                )
            symbol = self.symbols[0]
        if symbol not in self.symbols:
            raise UnknownName("symbol", symbol, self.symbols)
        cell = self.grid.find(wanted)
        if cell in self.needs.broken:
            raise BadValue(f"the cell {self.grid.said(cell)} failed: {self.needs.broken[cell]}")
        lane = next((lane for lane in self.lanes.lanes if lane.symbol == symbol), None)
        if lane is None or self.lookback[cell] >= lane.own_bars:
            raise NotEnoughHistory(
                f"{symbol} never came out of warm-up in this cell, which needs {self.lookback[cell] + 1} "
                "bars, so it has no account; bring earlier bars or choose shorter windows"
            )
        self.lanes.hold(self.reads[cell])
        return lane, self.cells(lane, np.array([cell]))

    def warm_up(self) -> None:
        """Run a few bars through everything, so that compilation counts neither as time nor as memory."""
        first = next(i for i in range(len(self.grid)) if i not in self.needs.broken)
        one = self.reads.take(np.array([first]))
        lane = self.lanes.small(one.rows(), 8)
        silent = Words(lane.bar_close, np.full((N_PREDICTIONS, len(lane)), np.nan))
        words = None if self.lessons is None else [silent]
        # Whatever this cell raises, it raises again in its chunk, where it is recorded.
        with suppress(Exception):
            vectors = self.vectors(lane, np.array([first]))
            self.executor.warm_up(lane, Cells(self.rule, vectors, one, words))

    # --- for workers ---------------------------------------------------------------------------

    def bench(self) -> Study:
        """Return what every worker needs once: the bars and the axes, and no cell.

        Models learn here, before anything is sent, so that no two workers learn the same.
        """
        if self.lessons is not None:
            broken = np.array(list(self.needs.broken), dtype=np.int64)
            for lane in self.lanes.lanes:
                runs = self.lookback < lane.own_bars
                runs[broken] = False
                self.lessons.teach(lane, np.flatnonzero(runs))
        empty = np.empty(0, dtype=np.int64)
        lanes = replace(self.lanes, lanes=tuple(replace(lane, features=Held()) for lane in self.lanes.lanes))
        grid = replace(self.grid, cells=np.empty((0, len(self.grid.axes))), index=empty)
        lessons = None if self.lessons is None else self.lessons.of(grid, (), ())
        return replace(
            self,
            grid=grid,
            lanes=lanes,
            needs=Needs(Reads.none(), empty, {}),
            bars=self.bars.clear(),
            lessons=lessons,
        )

    def on(self, cores: int) -> Study:
        """Return the same study for so many cores; it computes the same bits."""
        executor, request = copy(self.executor), replace(self.request, jobs=cores)
        executor.jobs = cores
        lessons = None if self.lessons is None else replace(self.lessons, request=request)
        lanes = replace(self.lanes, jobs=cores)
        return replace(self, request=request, executor=executor, lanes=lanes, lessons=lessons)

    def at(self, places: I64) -> Study:
        """Return the same study with the cells at some places of the product; lanes are shared."""
        grid = replace(self.grid, cells=decode(self.grid.axes, places), index=places)
        asked = needs(self.rule, grid)
        lessons = None if self.lessons is None else self.lessons.of(grid, self.lanes.lanes, asked.reads)
        return replace(self, grid=grid, needs=asked, lessons=lessons)
