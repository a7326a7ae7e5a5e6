"""The best cell of a sweep, with all that says whether it is more than the luckiest.

In: a sweep, and the figure to choose by. Out: a `Winner`.

1. The cell with the highest figure, of one symbol.
2. Its neighbours, one grid step in each direction of each parameter: where their scores vanish it is a peak.
3. The returns of all cells, or of a random sample that holds the winner and its neighbours where they are too
   many to be held.
4. Trials and the variance of their Sharpe ratios: from the ledger, which knows every search, or of this one.
5. `research.evidence.overfitting.judge`.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.ledger import Deflation, Ledger
from research.evidence.overfitting import Verdict, judge
from research.evidence.sharpe import Convention
from research.evidence.trials import effective_trials, sketches
from research.simulation.equity import returns_of, runnable
from research.simulation.lanes import Lane
from research.simulation.recording import enter
from research.simulation.scores import Neighbours, check_metric, lane_of, neighbours, scores

if TYPE_CHECKING:
    from research.simulation.swept import SweepResult

__all__ = ["SAMPLE", "Winner", "best", "deflation_of"]

I64 = NDArray[np.int64]
SAMPLE = 2000  # cells whose returns are held; 24 MB for six years of daily bars, and seconds to judge


@dataclass(frozen=True)
class Winner:
    """The best cell of a sweep, and what it is worth.

    Attributes
    ----------
    strategy, symbol, metric : str
        What was swept, on which symbol, and the figure it was chosen by.
    params : dict
        The varied parameters.
    figures : dict
        Its row of `SweepResult.metrics`.
    verdict : Verdict
        Column numbers are those of the judged cells.
    neighbours : Neighbours
    cells, judged : int
        Cells of the search that have the figure, and those of them whose returns were judged.
    ties : int
        Other cells with the same score.
    deflation : Deflation
        The trials that were counted: all, and independent ones; the variance of their Sharpe ratios.
    ledger : Path or None
        Where they were counted; None: in this search alone.
    cell : int
        Its number in the grid.
    """

    strategy: str
    symbol: str
    metric: str
    params: dict[str, float]
    figures: dict[str, float]
    verdict: Verdict
    neighbours: Neighbours = field(repr=False)
    cells: int
    judged: int
    ties: int
    deflation: Deflation
    ledger: Path | None
    cell: int

    @property
    def score(self) -> float:
        """The figure that it was chosen by."""
        return self.figures[self.metric]

    @property
    def significant(self) -> bool:
        """Whether it stands out from luck: deflated Sharpe ratio above 0.95, and superior by StepM."""
        return self.verdict.dsr > 0.95 and self.verdict.is_superior

    def lines(self) -> tuple[str, ...]:
        """Return it in words: the cell, its neighbours, the trials counted, and its verdict."""
        chosen = ", ".join(f"{name}={value:g}" for name, value in self.params.items())
        told = [
            f"best {self.metric} of {self.cells:,} cells of {self.strategy} on {self.symbol}: {chosen}",
            (
                f"{self.metric} {self.score:.4g}, {self.figures['trades']:.0f} trades, maximum drawdown "
                f"{100.0 * self.figures['max_drawdown']:.1f} %"
            ),
            self._beside(),
        ]
        if self.ties:
            told.append(f"{self.ties} other cells have the same score; the first of the grid was taken")
        where = "this search alone (in no ledger)" if self.ledger is None else f"the ledger {self.ledger}"
        told.append(
            f"{self.deflation.trials:,} trials of {self.strategy} that traded, worth "
            f"{self.deflation.effective:.1f} independent ones, counted in {where}"
        )
        if self.judged < self.cells:
            told.append(
                f"PBO, SPA and StepM saw a random sample of {self.judged:,} cells with the winner in it, "
                "which is kinder to it than all; trials and their variance are those of all"
            )
        verdict = [line for line in self.verdict.lines() if not line.startswith("trials counted")]
        return (*told, *verdict, self.conclusion)

    @property
    def conclusion(self) -> str:
        """What all of it comes to."""
        if not self.significant:
            return "luck explains it"
        if self.verdict.pbo > 0.5:
            return "better than cash beyond luck, but the choice among the cells is overfitted"
        return "it stands out from luck"

    def _beside(self) -> str:
        near = self.neighbours
        if math.isnan(near.median):
            return "no neighbour in the grid has a score, so nobody knows whether it is a peak"
        share = "" if math.isnan(near.share) else f", {100.0 * near.share:.0f} % of it at the median"
        return (
            f"{near.table.height} neighbours one grid step away: median {near.median:.4g}, least "
            f"{near.least:.4g}{share}: {_SHAPES[near.shape]}"
        )

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        first, *rest = (html.escape(line) for line in self.lines())
        return f"<b>{first}</b><ul>{''.join(f'<li>{line}</li>' for line in rest)}</ul>"


_SHAPES = {
    "plateau": "a plateau",
    "slope": "a slope",
    "peak": "a peak, which is what luck looks like",
    "unknown": "which says nothing of its shape",
}


def best(
    swept: SweepResult,
    metric: str = "sharpe_ratio",
    symbol: str | None = None,
    *,
    sample: int = SAMPLE,
    convention: Convention = "2014",
    reps: int = 2000,
    seed: int = 0,
) -> Winner:
    """Return the best cell with its verdict, as `SweepResult.best` says."""
    check_metric(metric)
    if sample < 2:
        raise BadValue(f"`sample` must be ≥ 2 cells, was {sample}; the default is {SAMPLE}")
    lane = lane_of(swept, symbol)
    score = scores(swept, metric, lane.symbol)
    known = np.flatnonzero(~np.isnan(score))
    ratio = scores(swept, "sharpe_ratio", lane.symbol)
    known = known[np.isfinite(ratio[known])]
    if not known.size:
        raise BadValue(
            f"no finished cell of {lane.symbol} has a {metric}; widen the grid until some cells trade"
        )
    cell = int(known[np.argmax(score[known])])
    near, beside = neighbours(swept.grid, cell, score)
    judged = _drawn(known, np.append(beside[np.isin(beside, known)], cell), sample, seed)
    returns = returns_of(swept.study, lane, judged)
    deflation = deflation_of(swept, lane, judged, returns)
    verdict = judge(
        returns, int(np.searchsorted(judged, cell)), periods_per_year=lane.bars_per_year,
        trials=deflation.effective, variance=deflation.variance, instants=lane.bar_close,
        convention=convention, reps=reps, seed=seed,
    )  # fmt: skip
    row = swept.metrics.row(_row(swept, cell, lane.symbol), named=True)
    return Winner(
        strategy=swept.strategy,
        symbol=lane.symbol,
        metric=metric,
        params={name: row[name] for name in swept.grid.names},
        figures={
            name: value for name, value in row.items() if name not in {*swept.grid.names, "symbol", "failed"}
        },
        verdict=verdict,
        neighbours=near,
        cells=known.size,
        judged=judged.size,
        ties=int(np.sum(score[known] == score[cell])) - 1,
        deflation=deflation,
        ledger=swept.ledger,
        cell=cell,
    )


def _drawn(known: I64, wanted: I64, size: int, seed: int) -> I64:
    """Return the cells to judge, in rising order: all, or those wanted and a random choice of the others."""
    if known.size <= size:
        return known
    others = np.setdiff1d(known, wanted)
    drawn = np.random.default_rng(seed).choice(others, max(0, size - wanted.size), replace=False)
    return np.union1d(drawn, wanted)


def _row(swept: SweepResult, cell: int, symbol: str) -> int:
    """Return the table's row of a cell."""
    from research.simulation.scores import finished_cells

    at = int(np.flatnonzero(finished_cells(swept) == cell)[0])
    return at * len(swept.symbols) + swept.symbols.index(symbol)


def deflation_of(
    swept: SweepResult, lane: Lane, judged: I64 | None = None, returns: NDArray[np.float64] | None = None
) -> Deflation:
    """Return what the search is deflated by: the strategy's trials in its ledger, or its own.

    Parameters
    ----------
    swept : SweepResult
    lane : Lane
    judged : (M,) int64, optional
        Cells whose returns are known; needed where there is no ledger.
    returns : (T, M) float64, optional
        Theirs.
    """
    ratio = scores(swept, "sharpe_ratio", lane.symbol) / math.sqrt(lane.bars_per_year)
    ratio = ratio[np.isfinite(ratio)]
    if swept.ledger is not None:
        ledger = Ledger.at(swept.ledger)
        found = ledger.deflation(lane.bars_per_year, swept.strategy)
        if found.trials < ratio.size:  # it could not be written, or was taken away since
            enter(swept, ledger)
            found = ledger.deflation(lane.bars_per_year, swept.strategy)
        return found
    if judged is None or returns is None:
        judged = runnable(swept.study, lane)[:SAMPLE]
        returns = returns_of(swept.study, lane, judged)
    independent = effective_trials(sketches(returns, lane.bar_close), len(lane), ratio.size)
    variance = float(np.var(ratio, ddof=1)) if ratio.size > 1 else 0.0
    return Deflation(ratio.size, max(1.0, independent), variance)
