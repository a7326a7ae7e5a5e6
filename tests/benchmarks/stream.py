"""Live: one bar of 500 symbols through all features, again and again.

Several rounds, each from a stream of its own, and the median of their percentiles: a neighbour of this
machine who takes its cores for a moment shows in one round's p99, and in what the hypervisor took.
"""

from __future__ import annotations

import gc
import statistics
import time

import numpy as np

from research.data.panel import Panel
from research.features.matrix import FeatureStream
from tests.benchmarks.market import machine, stolen, synthetic_panel

SYMBOLS, WARM, BARS, ROUNDS = 500, 1000, 1000, 7
TARGET_MS = 5.0


def round_of(panel: Panel) -> list[float]:
    """Return p50, p99 and the worst time of one bar, in ms."""
    stream = FeatureStream(panel.symbols)
    stream.advance(panel[:WARM])
    blocks = [panel[t : t + 1] for t in range(WARM, WARM + BARS)]
    for block in blocks[:20]:
        stream.advance(block)
    gc.collect()
    times = []
    for block in blocks[20:]:
        start = time.perf_counter()
        stream.advance(block)
        times.append(time.perf_counter() - start)
    found: list[float] = (1e3 * np.percentile(times, [50, 99, 100])).tolist()
    return found


def main() -> None:
    """Print the distribution of the time of one bar."""
    panel = synthetic_panel(SYMBOLS, WARM + BARS)
    names = FeatureStream(panel.symbols).names
    print(f"one bar, {SYMBOLS} symbols, {len(names)} features, {BARS - 20} bars a round ({machine()})")
    rounds = []
    before = stolen()
    for k in range(ROUNDS):
        p50, p99, worst = round_of(panel)
        rounds.append((p50, p99, worst))
        print(f"round {k + 1}: p50 {p50:.2f} ms   p99 {p99:.2f} ms   worst {worst:.2f} ms", flush=True)
    p50, p99, _ = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"medians: p50 {p50:.2f} ms   p99 {p99:.2f} ms   target: p99 ≤ {TARGET_MS:g} ms")
    per_value = 1e6 * p50 / SYMBOLS / len(names)
    print(f"p50 per value: {per_value:.0f} ns; the hypervisor took {stolen() - before:.1f} s of the cores")
