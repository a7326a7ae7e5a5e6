"""The recursive kernels as a table, and bars to run them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.data.panel import to_panel
from research.data.sample import load_sample
from research.kernels import recursive

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One kernel with its spans; `seed` is the first row that has a value beneath the warm-up."""

    name: str
    kernel: Callable[..., None]
    inputs: tuple[str, ...]
    spans: tuple[int, ...]
    outputs: int
    seed: int
    relative: bool = False  # its output is a scale, so its error is measured against itself

    def __str__(self) -> str:
        return "_".join([self.name, *map(str, self.spans)])

    @property
    def warmup(self) -> int:
        return recursive.WARMUP[self.name](*self.spans)

    def fresh(self) -> Series:
        return np.zeros(recursive.STATE_SIZE[self.name])

    def columns(self, bars: dict[str, Series]) -> list[Series]:
        return [bars[column] for column in self.inputs]

    def run(self, bars: dict[str, Series], warmup: int | None = None) -> Series:
        """(outputs, T) of the whole history at once."""
        columns = self.columns(bars)
        out = np.full((self.outputs, columns[0].size), 9e99)
        warmup = self.warmup if warmup is None else warmup
        self.kernel(*columns, *self.spans, warmup, 0, self.fresh(), *out)
        return out

    def run_chunks(self, bars: dict[str, Series], cuts: Sequence[int], tails: Sequence[int]) -> Series:
        """(outputs, T) of blocks between `cuts`, each seeing `tails` bars before it and carried state.

        Of the bars before a block only the last one may be read: those before it are NaN here.
        """
        columns = self.columns(bars)
        size = columns[0].size
        out = np.full((self.outputs, size), 9e99)
        state = self.fresh()
        edges = [0, *sorted(cuts), size]
        for begin, end, tail in zip(edges[:-1], edges[1:], [0, *tails], strict=True):
            first = max(begin - tail, 0)
            block = [column[first:end].copy() for column in columns]
            for column in block:
                column[: max(begin - first - 1, 0)] = np.nan
            part = np.full((self.outputs, end - first), -7.0)
            self.kernel(*block, *self.spans, self.warmup, begin - first, state, *part)
            assert (part[:, : begin - first] == -7.0).all(), "rows before `start` were written"
            out[:, begin:end] = part[:, begin - first :]
        return out


CASES = [
    Case("dist_ema", recursive.dist_ema_nb, ("close",), (12,), 1, 11),
    Case("dist_ema", recursive.dist_ema_nb, ("close",), (26,), 1, 25),
    Case("dist_ema", recursive.dist_ema_nb, ("close",), (37,), 1, 36),
    Case("dist_ema", recursive.dist_ema_nb, ("close",), (50,), 1, 49),
    Case("macd", recursive.macd_nb, ("close",), (12, 26, 9), 3, 33),
    Case("trix", recursive.trix_nb, ("close",), (15,), 1, 43),
    Case("ewma_vol", recursive.ewma_vol_nb, ("r",), (60,), 1, 60, relative=True),
    Case("rsi", recursive.rsi_nb, ("close",), (2,), 1, 2),
    Case("rsi", recursive.rsi_nb, ("close",), (14,), 1, 14),
    Case("atr_pct", recursive.atr_pct_nb, ("high", "low", "close"), (14,), 1, 14, relative=True),
    Case("adx", recursive.adx_nb, ("high", "low", "close"), (14,), 2, 27),
]


def bars_of(high: Any, low: Any, close: Any) -> dict[str, Series]:
    """Columns of one symbol, with the log return that its first bar does not have."""
    columns = {"high": high, "low": low, "close": close}
    bars = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
    bars["r"] = np.concatenate([[np.nan], np.diff(np.log(bars["close"]))])
    return bars


@cache
def sample() -> dict[str, dict[str, Series]]:
    """Adjusted bars of the embedded sample, by symbol, without the rows before a symbol's life."""
    panel = to_panel(load_sample())
    _, high, low, close, _ = panel.adjusted()
    found = {}
    for i, symbol in enumerate(panel.symbols):
        alive = ~np.isnan(close[:, i])
        found[symbol] = bars_of(high[alive, i], low[alive, i], close[alive, i])
    return found


def part(bars: dict[str, Series], begin: int, end: int | None = None) -> dict[str, Series]:
    """Rows begin to end as if the symbol's life started there."""
    return bars_of(*(bars[name][begin:end] for name in ("high", "low", "close")))
