"""How often the drift detector cries wolf, and how long it takes: ``python -m tests.studies drift``.

Hits of 20 symbols are simulated: a Gaussian return of one bar with a common factor, correlation ρ, is summed
over the label's life and is a hit where it falls below the quantile of the accuracy. With a life of 1 bar,
hits are independent in time; with 20, labels of neighbouring bars share 19 returns, as those of a model that
does not change its mind do. Hits of two symbols correlate by about 2/π·asin ρ. "Every 20" gives each symbol a
label in 20 bars, in turn: no two labels of one symbol overlap, those of different symbols do.

False alarms are counted per 2,520 bars at the reference accuracy, 53 %, and at 52 %, the worst that is no
drift, each beside the standard error of its mean.
The delay is that of a detector that starts at 0 when the accuracy becomes 47 %.
"""

from __future__ import annotations

import argparse
import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from rich.console import Console

from research.kernels.drift import ALARM, MARGIN, detect_nb, detect_overlap_nb
from research.kernels.jit import njit

REFERENCE, DRIFTED = 0.53, 0.47
SYMBOLS, LIFE = 20, 20
SPAN = 10_080  # bars of a run without drift: 40 years
PATIENCE = 8_000  # bars after which a detector that has seen nothing is stopped
TEN_YEARS = 2_520


class Rates(NamedTuple):
    """False alarms per 2,520 bars at the reference and at the edge of drift; bars until drift is seen.

    `error` holds the standard errors of the three means.
    """

    at_reference: float
    at_edge: float
    delay: float
    median: float
    error: np.ndarray


@njit
def alarms_nb(x, reference, turns, stop):
    """Alarms over a run, or with `stop` the bars until the first; no `turns`: the plain detector."""
    m, alarms = 0.0, 0
    for t in range(len(x)):
        m = detect_overlap_nb(turns, t, x[t], reference) if len(turns) else detect_nb(m, x[t], reference)
        if m >= ALARM:
            alarms += 1
            if stop:
                return t + 1
    return len(x) if stop else alarms


def hit_rates(rng, bars, rho, accuracy, life, every, symbols=SYMBOLS):
    """(bars,) mean hits of the labels that mature at each bar; one symbol in `every` has one."""
    common = rng.standard_normal((bars + life - 1, 1), dtype=np.float32)
    own = rng.standard_normal((bars + life - 1, symbols), dtype=np.float32)
    returns = math.sqrt(rho) * common + math.sqrt(1 - rho) * own
    if life > 1:
        total = np.cumsum(returns, axis=0, dtype=np.float64)
        total = np.vstack([np.zeros((1, symbols)), total])
        returns = (total[life:] - total[:-life]) / math.sqrt(life)
    hits = returns < NormalDist().inv_cdf(accuracy)
    mature = np.arange(bars)[:, None] % every == np.arange(symbols) % every
    return (hits & mature).sum(axis=1) / mature.sum(axis=1)


def measure(rng, runs, rho, life, overlap, every=1, span=SPAN):
    """Rates of one detector over `runs` simulations."""
    counts = np.zeros((runs, 3))
    for run in range(runs):
        for k, (accuracy, bars) in enumerate(
            [(REFERENCE, span), (REFERENCE - MARGIN, span), (DRIFTED, PATIENCE)]
        ):
            x = hit_rates(rng, bars, rho, accuracy, life, every)
            turns = np.zeros(life if overlap else 0)
            counts[run, k] = alarms_nb(x, REFERENCE, turns, accuracy == DRIFTED)
    counts[:, :2] *= TEN_YEARS / span
    error = counts.std(axis=0) / math.sqrt(runs)
    at_reference, at_edge, delay = counts.mean(axis=0)
    return Rates(at_reference, at_edge, delay, float(np.median(counts[:, 2])), error)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies drift", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="simulations per row (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"drift: {chosen.runs} runs of {SPAN} bars, {SYMBOLS} symbols, seed {chosen.seed}")
    console.print("false alarms per 2,520 bars (allowed: 1); bars from 53 -> 47 % to the alarm")
    head = (
        "label",
        "every",
        "detector",
        "rho",
        "of hits",
        "at 53 %",
        "+-",
        "at 52 %",
        "+-",
        "delay",
        "+-",
        "median",
    )
    console.print("".join(f"{word:>9}" for word in head))
    rows = [(1, 1, False, rho) for rho in (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)]
    for every in (1, LIFE):
        rows += [(LIFE, every, overlap, rho) for overlap in (False, True) for rho in (0.0, 0.1, 0.3, 0.5)]
    for life, every, overlap, rho in rows:
        # Every row begins at the same seed, so it does not depend on the rows before it.
        r = measure(np.random.default_rng(chosen.seed), chosen.runs, rho, life, overlap, every)
        name = "overlap" if overlap else "plain"
        console.print(
            f"{f'{life} bars':>9}{every:9}{name:>9}{rho:9.2f}{2 / math.pi * math.asin(rho):9.3f}"
            f"{r.at_reference:9.3f}{r.error[0]:9.3f}{r.at_edge:9.3f}{r.error[1]:9.3f}"
            f"{r.delay:9.0f}{r.error[2]:9.1f}{r.median:9.0f}"
        )
