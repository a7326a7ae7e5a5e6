"""Made-up markets to measure on, and what the figures were measured with."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel


def synthetic_panel(symbols: int, bars: int, seed: int = 7) -> Panel:
    """Geometric random walks with plausible bars, one symbol per column."""
    rng = np.random.default_rng(seed)
    shape = symbols, bars
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=1))
    open_ = close * np.exp(rng.normal(0, 0.006, shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.01, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.01, shape)))
    volume = np.round(rng.lognormal(12, 1, shape))
    ones: NDArray[np.float64] = np.ones(shape)
    return Panel(
        symbols=tuple(f"S{k}" for k in range(symbols)),
        bar_close=np.datetime64("2000-01-03T21:00", "us") + np.arange(bars) * np.timedelta64(1, "D"),
        open=open_.T,
        high=high.T,
        low=low.T,
        close=close.T,
        volume=volume.T,
        factor=ones.T,
        split=ones.T,
        dividend=np.zeros(shape).T,
    )


def machine() -> str:
    """One line on what the figures were measured with, and how busy it was."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, Numba {numba.__version__}{load}"
    )


def stolen() -> float:
    """Return the seconds that a hypervisor has kept the cores from us since boot; 0 where nobody says."""
    try:
        fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    except OSError:
        return 0.0
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")
