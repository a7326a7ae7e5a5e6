"""Judge the winner of a search: whether it is more than the luckiest of all that were tried.

In: returns of all cells, (T, N), and which of them was chosen. Out: a `Verdict`, which is what a best cell is
reported with, and never without.

1. Moments of every cell (`evidence.moments`); cells that never traded have no Sharpe ratio, are left out and
   counted.
2. The number of independent trials (`evidence.trials`): of these cells, or of all that the ledger knows.
3. Probabilistic and deflated Sharpe ratio of the chosen cell, the latter against the expected best of so many
   trials; the track record it needs.
4. PBO (`evidence.pbo`), SPA and StepM (`evidence.reality`) over all cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from research.errors import BadValue
from research.evidence.moments import moments, returns_matrix
from research.evidence.pbo import SHORTEST_BLOCK, overfitting_probability
from research.evidence.reality import reality_check
from research.evidence.sharpe import (
    Convention,
    deflated_sharpe,
    min_track_record,
    probabilistic_sharpe,
)
from research.evidence.trials import effective_trials, sketches

__all__ = ["CONVENTIONS", "Verdict", "judge"]

F64 = NDArray[np.float64]
CONVENTIONS: Final[dict[Convention, str]] = {
    "2014": "Bailey & López de Prado 2012/2014, SR in the variance, independent returns",
    "2025": "López de Prado, Lipton & Zoonekynd 2025, SR0 in the variance, AR(1) returns",
}
_MOST_BLOCKS, _FEWEST_BLOCKS = 16, 4


@dataclass(frozen=True)
class Verdict:
    """What the winner of a search is worth.

    Attributes
    ----------
    chosen : int
        Its column.
    cells, idle : int
        Columns judged together, and those of them that never traded.
    periods : int
        T.
    sharpe, annual_sharpe : float
        Per period, and × √periods_per_year.
    skewness, kurtosis, autocorrelation : float
        Of its returns; kurtosis raw.
    trials : float
        Independent trials that the deflation counts, N.
    trials_from : str
        "given" (the ledger's) or "cells" (those of this matrix alone).
    benchmark : float
        SR0, per period: the Sharpe ratio that the best of N worthless trials is expected to show.
    psr, dsr : float
        Probability that the true Sharpe ratio is above 0, and above `benchmark`.
    convention : str
        Whose standard error both use, a key of `CONVENTIONS`.
    pbo : float
        Probability of backtest overfitting; NaN with one cell, or too few periods for four blocks.
    pbo_blocks : int
        Blocks that it was computed on; 0 if it was not.
    spa_p : float
        Hansen's consistent p-value of "no cell is better than cash".
    superior : tuple of int
        Cells that StepM finds better than cash, family-wise error 5 %.
    min_track_record : float
        Periods needed to tell `sharpe` from `benchmark` with 95 %; infinite if it is not above it.
    seed : int
        Of the bootstrap.
    """

    chosen: int
    cells: int
    idle: int
    periods: int
    sharpe: float
    annual_sharpe: float
    skewness: float
    kurtosis: float
    autocorrelation: float
    trials: float
    trials_from: str
    benchmark: float
    psr: float
    dsr: float
    convention: Convention
    pbo: float
    pbo_blocks: int
    spa_p: float
    superior: tuple[int, ...]
    min_track_record: float
    periods_per_year: float
    seed: int

    @property
    def is_superior(self) -> bool:
        """Whether StepM finds the chosen cell itself better than cash."""
        return self.chosen in self.superior

    @property
    def min_track_record_years(self) -> float:
        """`min_track_record` in years."""
        return self.min_track_record / self.periods_per_year

    def lines(self) -> tuple[str, ...]:
        """Return the verdict in words, one line per test; conventions are named."""
        annual = math.sqrt(self.periods_per_year)
        needed = self.min_track_record_years
        pbo = "not known, too few cells or periods" if math.isnan(self.pbo) else f"{100.0 * self.pbo:.1f} %"
        told = [
            (
                f"Sharpe ratio {self.annual_sharpe:.2f} a year over {self.periods} periods; the best "
                f"of {self.trials:.1f} independent worthless trials shows {self.benchmark * annual:.2f}"
            ),
            (
                f"probabilistic Sharpe ratio {self.psr:.3f}, deflated {self.dsr:.3f} "
                f"({CONVENTIONS[self.convention]})"
            ),
            f"probability of backtest overfitting {pbo} (CSCV, {self.pbo_blocks} blocks)",
            (
                f"SPA p = {self.spa_p:.3f} (Hansen, consistent, against cash); StepM finds "
                f"{len(self.superior)} of {self.cells} cells better than cash, this one "
                f"{'among them' if self.is_superior else 'not'}"
            ),
            "no track record is long enough"
            if math.isinf(needed)
            else f"track record needed {needed:.1f} years, had {self.periods / self.periods_per_year:.1f}",
        ]
        if self.idle:
            told.append(f"{self.idle} of {self.cells} cells never traded and are left out")
        if self.trials_from == "cells":
            told.append("trials counted in this search alone; what the ledger knows was not asked")
        return tuple(told)


def judge(
    returns: F64,
    chosen: int,
    *,
    periods_per_year: float,
    trials: float | None = None,
    variance: float | None = None,
    instants: ArrayLike | None = None,
    convention: Convention = "2014",
    reps: int = 2000,
    seed: int = 0,
) -> Verdict:
    """Judge one cell among all that were tried with it.

    Parameters
    ----------
    returns : (T, N) float64
        Return per period of every cell of the search, the chosen one included; NaN is refused. Rows are
        taken as periods: a caller that cannot be sure asks `overfitting_probability` with `periods`.
    chosen : int
        Column of the winner, by whatever metric it was chosen.
    periods_per_year : float
        By bar interval and exchange calendar.
    trials : float, optional
        Independent trials in all, and `variance` of their Sharpe ratios per period: both from
        `Ledger.deflation`, which counts earlier searches too. Default: of these cells.
    variance : float, optional
        See `trials`.
    instants : (T,) datetime64, optional
        When each period ends; with it, these cells alone give the same number of trials as a ledger
        that holds nothing else.
    convention : {"2014", "2025"}
    reps : int
        Resamples of the bootstrap.
    seed : int

    Returns
    -------
    Verdict

    Raises
    ------
    BadValue
        `chosen` is no column or never traded, NaN, trials below 1.

    Notes
    -----
    Bootstrap and CSCV take some seconds for 5,000 cells × 1,500 periods; the memory is a few times that
    of `returns`. A search too large for its returns to be held is judged on a sample of its cells that
    holds the winner, with `trials` and `variance` of the whole.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(500, 50))
    >>> best = int(np.argmax(moments(noise).sharpe))
    >>> verdict = judge(noise, best, periods_per_year=252, seed=1)
    >>> verdict.psr > 0.95, verdict.dsr > 0.95, verdict.convention
    (True, False, '2014')
    """
    matrix = returns_matrix(returns)
    n, cells = matrix.shape
    if not 0 <= chosen < cells:
        raise BadValue(f"`chosen` must be a column from 0 to {cells - 1}, was {chosen}")
    if not periods_per_year > 0.0:
        raise BadValue(f"`periods_per_year` must be above 0, was {periods_per_year:g}; daily bars have 252")
    if convention not in CONVENTIONS:
        raise BadValue(f"`convention` must be one of {', '.join(CONVENTIONS)}, was {convention!r}")
    found = moments(matrix)
    moving = np.flatnonzero(np.isfinite(found.sharpe))
    if chosen not in moving:
        raise BadValue(f"`chosen` must have traded, cell {chosen} has no variance; choose another")
    kept = matrix[:, moving]
    if variance is None:
        variance = float(np.var(found.sharpe[moving], ddof=1)) if moving.size > 1 else 0.0
    independent = max(1.0, effective_trials(sketches(kept, instants), n)) if trials is None else trials

    own = {name: float(getattr(found, name)[chosen]) for name in ("skewness", "kurtosis", "autocorrelation")}
    sharpe = float(found.sharpe[chosen])
    deflated = deflated_sharpe(sharpe, variance, independent, n, convention=convention, **own)
    blocks = min(_MOST_BLOCKS, n // SHORTEST_BLOCK // 2 * 2)
    known = moving.size > 1 and blocks >= _FEWEST_BLOCKS
    reality = reality_check(kept, reps=reps, block=min(10, n), seed=seed)
    return Verdict(
        chosen=chosen,
        cells=cells,
        idle=cells - moving.size,
        periods=n,
        sharpe=sharpe,
        annual_sharpe=sharpe * math.sqrt(periods_per_year),
        **own,
        trials=float(independent),
        trials_from="cells" if trials is None else "given",
        benchmark=deflated.benchmark,
        psr=probabilistic_sharpe(sharpe, 0.0, n, convention=convention, **own).probability,
        dsr=deflated.probability,
        convention=convention,
        pbo=overfitting_probability(kept, blocks=blocks, periods=n).pbo if known else math.nan,
        pbo_blocks=blocks if known else 0,
        spa_p=reality.p_consistent,
        superior=tuple(int(moving[k]) for k in reality.superior),
        min_track_record=min_track_record(sharpe, deflated.benchmark, convention=convention, **own),
        periods_per_year=periods_per_year,
        seed=seed,
    )
