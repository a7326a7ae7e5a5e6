"""What the chunks of a sweep have found so far, cell by cell, and what of it must be said in words.

In: chunks as they finish, in any order. Out: the table of figures and the notes.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue
from research.simulation.chunks import Done
from research.simulation.figures import FIGURES
from research.simulation.study import Study

__all__ = ["Findings"]

I64 = NDArray[np.int64]


class Findings:
    """Figures of the finished cells.

    Attributes
    ----------
    figures : (F, C, N) float64
        Of each of `FIGURES`, cell and symbol; of cells that are not finished, anything.
    finished : (C,) bool
    failed : dict of (int, int) to str
        Cell and symbol number of those that failed, and why.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        # Not filled: memory that no chunk has written to takes no room yet.
        self.figures = np.empty((len(FIGURES), len(study.grid), len(study.symbols)))
        self.finished = np.zeros(len(study.grid), dtype=np.bool_)
        self.failed: dict[tuple[int, int], str] = {}

    def take(self, cells: I64, done: Done) -> None:
        """Take a finished chunk."""
        self.figures[:, cells] = done.figures
        self.failed.update({(int(cells[p]), n): why for p, n, why in done.failed})
        self.finished[cells] = True

    @property
    def count(self) -> int:
        """How many cells are finished."""
        return int(self.finished.sum())

    def require_one(self) -> None:
        """Refuse a sweep of which every cell failed."""
        runs = self.finished.sum() * len(self.study.lanes.lanes)
        if self.failed and len(self.failed) >= runs:
            raise BadValue(f"all {len(self.failed)} accounts failed; the first: {self._first()}")

    def metrics(self) -> pl.DataFrame:
        """Return one row per finished cell and symbol, cells in order."""
        cells, symbols = self.study.grid, self.study.symbols
        rows = np.flatnonzero(self.finished)
        columns: dict[str, object] = {}
        for p, name in enumerate(cells.names):
            values = np.repeat(cells.cells[rows, p], len(symbols))
            columns[name] = values.astype(np.int64) if self.study.rule.parameters[name].integer else values
        columns["symbol"] = pl.Series("symbol", symbols, dtype=pl.String).gather(
            np.tile(np.arange(len(symbols)), rows.size)
        )
        for f, name in enumerate(FIGURES):
            columns[name] = self.figures[f, rows].ravel()
        failed = pl.Series("failed", [None], dtype=pl.String).new_from_index(0, rows.size * len(symbols))
        if self.failed:
            place = np.cumsum(self.finished) - 1
            at = {int(place[cell]) * len(symbols) + n: why for (cell, n), why in self.failed.items()}
            failed = failed.scatter(list(at), list(at.values()))
        return pl.DataFrame({**columns, "failed": failed})

    def notes(self) -> list[str]:
        """Say what would otherwise stay silent."""
        study, cells = self.study, self.study.grid
        notes = list(study.lanes.notes)
        if cells.subset:
            notes.append(f"these are {cells.subset}")
        if cells.left_out:
            notes.append(f"{cells.left_out} combinations were left out: {cells.complaint}")
        if study.lessons is not None:
            notes += study.lessons.notes()
        for lane in study.lanes.lanes:
            short = study.lookback >= lane.own_bars
            if short.any():
                notes.append(
                    f"{lane.symbol}: NaN in {short.sum()} of {len(cells)} cells, which need up to "
                    f"{study.lookback.max() + 1} bars before their first decision; it has {lane.own_bars}"
                )
        if self.failed:
            count = len({cell for cell, _ in self.failed})
            notes.append(
                f"{count} of {len(cells)} cells failed, see the column `failed`; the first: {self._first()}"
            )
        missing = int((~self.finished).sum())
        if missing:
            notes.append(f"interrupted: {missing} of {len(cells)} cells are missing; run it again for them")
        if len(cells) > 1:
            notes.append(f"the best of {len(cells)} cells is the luckiest; `best` says what it is worth")
        return notes

    def _first(self) -> str:
        """Return the first failure in words."""
        (cell, n), why = min(self.failed.items())
        return f"{self.study.symbols[n]} with {self.study.grid.said(cell)}: {why}"
