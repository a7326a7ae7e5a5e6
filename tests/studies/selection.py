"""How often a search over noise finds something: ``python -m tests.studies selection``.

One sweep is 50 cells over 1,000 days of a market whose mean return is 0: Student t(4) returns, with
volatility that clusters. No rule can earn anything there, whatever it looks at, so every "significant" winner
is a mistake.

"rules" are long while the sum of the last L returns is above a threshold, 25 lengths × 2 thresholds: cells
that resemble each other, as a grid's do. "unrelated" are positions drawn at random from −1 to 1, day by day:
cells that share nothing but the market's volatility, the worst case for picking the best of them. "swept" are
the returns of a real sweep: `ma_crossover`, 10 × 5 averages, long only, without costs, on such a market.

Printed: the share of sweeps in which the naive test calls the best cell significant (its probabilistic Sharpe
ratio above 0.95, as if it were the only one), in which the deflated Sharpe ratio does, in which SPA rejects
"none is better than cash" at 5 %, and in which StepM names a cell; and the mean PBO and number of trials.
"""

from __future__ import annotations

import argparse
import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from rich.console import Console

from research.evidence.moments import moments
from research.evidence.overfitting import judge
from research.execution import Execution
from research.simulation.equity import returns_of, runnable
from research.simulation.sweep import sweep

DAYS, BURN_IN = 1000, 250
LENGTHS, THRESHOLDS = np.linspace(5, 245, 25).astype(int), (0.0, 0.02)
LEVEL = 0.05


class Rates(NamedTuple):
    """Shares of sweeps with a mistake, by test; mean PBO and mean effective trials; sweeps."""

    naive: float
    deflated: float
    spa: float
    stepm: float
    pbo: float
    trials: float
    sweeps: int

    @property
    def allowed(self):
        """5 % and two standard errors."""
        return LEVEL + 2 * math.sqrt(LEVEL * (1 - LEVEL) / self.sweeps)


def market(rng, days):
    """(days,) returns without mean: t(4), log-volatility AR(1)."""
    shocks = rng.standard_t(4, size=days) / math.sqrt(2)
    moves = 0.1 * rng.standard_normal(days)
    volatility = np.empty(days)
    level = 0.0
    for t in range(days):
        level = 0.97 * level + moves[t]
        volatility[t] = 0.01 * math.exp(level)
    return volatility * shocks


def rules(rng):
    """(DAYS, 50) returns of rules that are long while the last L returns add up to enough."""
    returns = market(rng, BURN_IN + DAYS)
    total = np.concatenate(([0.0], np.cumsum(returns)))
    day = np.arange(BURN_IN, BURN_IN + DAYS)
    cells = []
    for length in LENGTHS:
        seen = total[day] - total[day - length]  # up to the day before
        cells += [returns[day] * (seen > threshold) for threshold in THRESHOLDS]
    return np.column_stack(cells)


def unrelated(rng):
    """(DAYS, 50) returns of positions drawn at random."""
    positions = rng.uniform(-1, 1, size=(DAYS, len(LENGTHS) * len(THRESHOLDS)))
    return positions * market(rng, DAYS)[:, None]


def bars(returns):
    """A bar table of one symbol with these returns, a bar a day."""
    close = 100.0 * np.cumprod(1.0 + np.maximum(returns, -0.5))
    opened = np.concatenate([[100.0], close[:-1]])
    first = datetime(2000, 1, 3, 21, tzinfo=UTC)
    return pl.DataFrame(
        {
            "symbol": ["NOISE"] * len(close),
            "bar_close": [first + timedelta(days=k) for k in range(len(close))],
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(len(close), 1e6),
        }
    )


def swept(rng):
    """(about DAYS, 50) returns of a real sweep's cells."""
    days = BURN_IN + DAYS
    found = sweep(
        bars(market(rng, days)), "ma_crossover", {"fast": range(5, 55, 5), "slow": range(60, 160, 20)},
        train_fraction=BURN_IN / days, execution=Execution(0.0, 0.0, dividends=False), engine="fused",
        progress=False, ledger=None,
    )  # fmt: skip
    lane = found.study.lanes.lanes[0]
    return returns_of(found.study, lane, runnable(found.study, lane))


def measure(kind, sweeps, seed, reps=1000):
    """Rates over so many sweeps; each has a seed of its own."""
    found = np.zeros((sweeps, 6))
    for k in range(sweeps):
        cells = kind(np.random.default_rng([seed, k]))
        cells = cells[:, np.ptp(cells, axis=0) > 0]
        best = int(np.argmax(moments(cells).sharpe))
        verdict = judge(cells, best, periods_per_year=252, reps=reps, seed=k)
        found[k] = (
            verdict.psr > 1 - LEVEL,
            verdict.dsr > 1 - LEVEL,
            verdict.spa_p <= LEVEL,
            bool(verdict.superior),
            verdict.pbo,
            verdict.trials,
        )
    naive, deflated, spa, stepm, pbo, trials = found.mean(axis=0)
    return Rates(naive, deflated, spa, stepm, pbo, trials, sweeps)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies selection", description=__doc__)
    parser.add_argument("--sweeps", type=int, default=500, help="sweeps per row (default 500)")
    parser.add_argument("--reps", type=int, default=1000, help="resamples of the bootstrap (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"selection: {chosen.sweeps} sweeps of {len(LENGTHS) * len(THRESHOLDS)} worthless cells, {DAYS} "
        f"days, {chosen.reps} resamples, seed {chosen.seed}"
    )
    head = ("cells", "naive", "deflated", "SPA", "allowed", "StepM", "mean PBO", "trials")
    console.print("".join(f"{word:>11}" for word in head))
    for kind in (rules, unrelated, swept):
        r = measure(kind, chosen.sweeps, chosen.seed, chosen.reps)
        console.print(
            f"{kind.__name__:>11}{r.naive:11.3f}{r.deflated:11.3f}{r.spa:11.3f}{r.allowed:11.3f}{r.stepm:11.3f}"
            f"{r.pbo:11.3f}{r.trials:11.1f}"
        )
