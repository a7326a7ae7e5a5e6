"""Made-up symbols that do what real ones rarely do: stand still, dry up, jump, hit limits."""

from __future__ import annotations

import numpy as np

from tests.features.oracles.windows import Bars, Series

T = 1400


def build(close: Series, seed: int, tick: float, volume_of: float = 1e6) -> Bars:
    """Bars around a path of closes, on ticks, with open between the closes and wicks beyond both."""
    rng = np.random.default_rng(seed)
    step = np.abs(np.diff(np.log(close), prepend=np.log(close[0]))).mean() * close
    opened = np.concatenate([close[:1], close[:-1]]) + rng.normal(0, 0.4, len(close)) * step
    opened = np.round(np.maximum(np.round(opened / tick), 1) * tick, 6)
    close = np.round(np.maximum(np.round(close / tick), 1) * tick, 6)
    high = np.maximum(opened, close) + np.floor(rng.exponential(0.6, len(close)) * step / tick) * tick
    low = np.minimum(opened, close) - np.floor(rng.exponential(0.6, len(close)) * step / tick) * tick
    low = np.maximum(low, np.minimum(tick, np.minimum(opened, close)))
    high, low = np.round(high, 6), np.round(low, 6)
    return Bars(opened, high, low, close, np.round(rng.lognormal(0, 0.5, len(close)) * volume_of))


def path(seed: int, start: float, sigma: float) -> Series:
    """A geometric random walk of T closes."""
    return start * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, sigma, T)))


def hold(bars: Bars, first: int, length: int, *, zero_volume: bool = False) -> None:
    """From bar `first` on, repeat the close of the bar before in all four prices."""
    for column in bars[:4]:
        column[first : first + length] = bars.close[first - 1]
    if zero_volume:
        bars.volume[first : first + length] = 0


def synthetic() -> dict[str, Bars]:
    """One symbol per trouble, T bars each."""
    flat = build(path(1, 10.1, 0.015), 1, 0.01)
    for first, length in ((60, 3), (90, 12), (120, 25), (160, 75), (500, 320), (1120, 30)):
        hold(flat, first, length)

    dry = build(path(2, 37.3, 0.02), 2, 0.01)
    for first, length in ((40, 1), (80, 5), (100, 25), (200, 70), (640, 30), (1200, 22)):
        dry.volume[first : first + length] = 0
    hold(dry, 400, 40, zero_volume=True)

    jumps = np.zeros(T)
    jumps[[50, 120, 121, 300, 520, 521, 522, 700, 1100]] = [
        0.3,
        -0.4,
        0.4,
        -0.69,
        0.1,
        0.1,
        -0.2,
        0.35,
        -0.25,
    ]
    gaps = build(path(3, 80.0, 0.01) * np.exp(np.cumsum(jumps)), 3, 0.01)

    limits = build(path(4, 21.7, 0.02), 4, 0.01)
    for first, length, rate in ((70, 4, 1.1), (150, 8, 0.9), (400, 25, 1.05), (660, 12, 0.9), (1150, 5, 1.1)):
        scale = 1.0
        for t in range(first, first + length):
            move = round(limits.close[t - 1] * rate, 2)
            scale = move / limits.close[t]
            for column in limits[:4]:
                column[t] = move
        for column in limits[:4]:
            column[first + length :] = np.round(column[first + length :] * scale, 2)

    penny = build(path(5, 0.0312, 0.03), 5, 0.0001, volume_of=5e8)
    giant = build(path(6, 512_345.0, 0.008), 6, 1.0, volume_of=3)

    climb = build(20.0 + 0.1 * np.arange(T) - 0.19 * np.maximum(np.arange(T) - 620, 0), 7, 0.01)

    asleep = build(path(8, 5.3, 0.02), 8, 0.01)
    asleep.close[0] = asleep.open[0] = asleep.high[0] = asleep.low[0] = 5.3
    hold(asleep, 1, 45)

    return {
        "FLAT": flat,
        "DRY": dry,
        "GAPS": gaps,
        "LIMIT": limits,
        "PENNY": penny,
        "GIANT": giant,
        "CLIMB": climb,
        "ASLEEP": asleep,
    }
