"""Live: one bar of 500 symbols through all features, again and again."""

from __future__ import annotations

import gc
import time

import numpy as np

from research.features.matrix import FeatureStream
from tests.benchmarks.market import machine, synthetic_panel

SYMBOLS, WARM, BARS = 500, 1000, 1000
TARGET_MS = 5.0


def main() -> None:
    """Print the distribution of the time of one bar."""
    panel = synthetic_panel(SYMBOLS, WARM + BARS)
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
    p50, p99, worst = 1e3 * np.percentile(times, [50, 99, 100])
    print(f"one bar, {SYMBOLS} symbols, {len(stream.names)} features, {len(times)} bars ({machine()})")
    print(f"p50 {p50:.2f} ms   p99 {p99:.2f} ms   worst {worst:.2f} ms   target: p99 ≤ {TARGET_MS:g} ms")
    print(f"p50 per value: {1e6 * p50 / SYMBOLS / len(stream.names):.0f} ns")
