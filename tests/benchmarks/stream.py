"""Live: one bar of 500 symbols through all features, again and again.

Rounds, each from a stream of its own, until enough of them were undisturbed: a p99 over a thousand bars of
2 ms is made by whoever takes the cores for a moment, and a virtual machine's hypervisor says when it does.
Printed are the medians over all rounds, and over those from which it took next to nothing.
"""

from __future__ import annotations

import gc
import os
import statistics
import time

import numpy as np

from research.data.panel import Panel
from research.features.matrix import FeatureStream
from tests.benchmarks.market import machine, stolen, synthetic_panel

SYMBOLS, WARM, BARS = 500, 1000, 1000
UNDISTURBED, MOST = 7, 40
QUIET = 0.01  # share of the cores' time
TARGET_MS = 5.0


def round_of(panel: Panel) -> tuple[float, float, float, float]:
    """Return p50, p99 and the worst time of one bar, in ms; the share of the cores' time that was taken."""
    stream = FeatureStream(panel.symbols)
    stream.advance(panel[:WARM])
    blocks = [panel[t : t + 1] for t in range(WARM, WARM + BARS)]
    for block in blocks[:20]:
        stream.advance(block)
    gc.collect()
    times = []
    taken, begun = stolen(), time.perf_counter()
    for block in blocks[20:]:
        start = time.perf_counter()
        stream.advance(block)
        times.append(time.perf_counter() - start)
    share = (stolen() - taken) / (time.perf_counter() - begun) / (os.cpu_count() or 1)
    p50, p99, worst = (1e3 * np.percentile(times, [50, 99, 100])).tolist()
    return p50, p99, worst, share


def told(rounds: list[tuple[float, float, float, float]]) -> str:
    """Return the medians of some rounds, in words."""
    p50, p99 = (statistics.median(column) for column in list(zip(*rounds, strict=True))[:2])
    return f"p50 {p50:.2f} ms   p99 {p99:.2f} ms   target: p99 ≤ {TARGET_MS:g} ms   ({len(rounds)} rounds)"


def main() -> None:
    """Print the distribution of the time of one bar."""
    panel = synthetic_panel(SYMBOLS, WARM + BARS)
    names = FeatureStream(panel.symbols).names
    print(f"one bar, {SYMBOLS} symbols, {len(names)} features, {BARS - 20} bars a round ({machine()})")
    rounds: list[tuple[float, float, float, float]] = []
    quiet: list[tuple[float, float, float, float]] = []
    while len(quiet) < UNDISTURBED and len(rounds) < MOST:
        p50, p99, worst, share = round_of(panel)
        rounds.append((p50, p99, worst, share))
        if share < QUIET:
            quiet.append(rounds[-1])
        taken = f"hypervisor took {share:.1%}"
        print(f"p50 {p50:.2f} ms   p99 {p99:.2f} ms   worst {worst:.2f} ms   {taken}", flush=True)
    print(f"all rounds:           {told(rounds)}")
    print(f"taken less than {QUIET:.1%}: {told(quiet) if quiet else 'none; no verdict'}")
    per_value = 1e6 * statistics.median(r[0] for r in rounds) / SYMBOLS / len(names)
    print(f"p50 per value: {per_value:.0f} ns")
