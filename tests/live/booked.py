"""Random bars and signals for booking: gaps, splits, dividends, and a strategy that trades all the time."""

import numpy as np

from research.kernels import signals as sg


def bars_of(rng, n, t):
    """Return open, high, low, close, split and dividend, (n, t) each; a bar is missing now and then."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (n, t)), axis=1))
    split = np.where(rng.random((n, t)) < 0.01, 2.0, 1.0)
    split[:, 0] = 1.0
    close = close / np.cumprod(split, axis=1)
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1) / split
    open_ = before * np.exp(rng.normal(0, 0.01, (n, t)))
    high = np.maximum(open_, close) * (1 + rng.exponential(0.01, (n, t)))
    low = np.minimum(open_, close) * (1 - rng.exponential(0.01, (n, t)))
    dividend = np.where(rng.random((n, t)) < 0.02, 0.3, 0.0)
    for values in (open_, high, low, close):
        values[:, 40:43] = np.where(np.arange(n)[:, None] == 0, np.nan, values[:, 40:43])
    missing = np.isnan(close)
    return [open_, high, low, close, np.where(missing, 1.0, split), np.where(missing, 0.0, dividend)]


def signals_of(rng, n, t):
    """Return the signals of somebody who enters and leaves a lot, with stops, targets and trails."""
    signals = np.full((sg.N_SIGNALS, n, t), np.nan)
    signals[sg.ENTRY] = rng.random((n, t)) < 0.4
    signals[sg.EXIT] = (rng.random((n, t)) < 0.1) & (signals[sg.ENTRY] == 0)
    signals[sg.GATE] = 0.0
    signals[sg.WEIGHT] = 0.25
    signals[sg.STOP], signals[sg.TARGET] = 0.03, 0.05
    signals[sg.TRAIL] = np.where(rng.random((n, t)) < 0.5, 0.02, np.nan)
    return signals
