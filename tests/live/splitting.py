"""A position at the fake that is split at an open, at prices that stay where they are otherwise."""

from contextlib import contextmanager
from datetime import timedelta

import polars as pl

from research.execution import Execution
from research.kernels import account as ac
from research.request import Request
from tests.live.crossing import BEFORE, PARAMS, Story

MIRROR = 230.0  # a fill at 115 stays one, and every rise becomes a fall
QUIET = {1: (115, 116, 114.5, 115.5)} | dict.fromkeys(range(2, 9), (115.5, 116, 115, 115.5))
PRICES = ("open", "high", "low", "close")


def a_split(ratio, *, first=BEFORE + 2, short=False):
    """Return what makes a bar table one of which a share becomes `ratio` at the open of bar `first`."""

    def alter(bars):
        if short:
            of = {"open": "open", "high": "low", "low": "high", "close": "close"}
            bars = bars.with_columns(**{name: MIRROR - pl.col(other) for name, other in of.items()})
        there = pl.int_range(pl.len()) >= first
        split = [pl.when(there).then(pl.col(c) / ratio).otherwise(pl.col(c)).alias(c) for c in PRICES]
        return bars.with_columns(*split, adj_factor=pl.when(there).then(ratio).otherwise(1.0))

    return alter


@contextmanager
def at_a_split(folder, ratio, *, weight=0.95, target=None, short=False, first=BEFORE + 2, **more):
    """Give a story whose entry fills at 115, with a stop 5 % away, before a split; and close it."""
    params = PARAMS | {"max_weight": weight, "allow_short": int(short)}
    params.pop("target")
    if target is not None:
        params["target"] = target
    folder.mkdir(exist_ok=True)
    execution = Execution(slippage=0.0, commission=0.0, allow_short=short)
    settings = {"multiplier": 2.0} | more.pop("settings", {})
    request = Request("ma_crossover", ["AAA"], params=params, execution=execution)
    alter = a_split(ratio, first=first, short=short)
    it = Story(folder, after=QUIET, alter=alter, settings=settings, request=request, **more)
    try:
        yield it
    finally:
        it.floor.close()
        it.fake.stop()


def hold(it):
    """Enter, and live until the close before the split."""
    it.enter()
    it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
    return it


def account(it):
    """Shares, stop and target of the engine's account."""
    row = it.floor.trader.runner.engine.account.positions[0]
    return tuple(float(row[k]) for k in (ac.P_QTY, ac.P_PROTECT, ac.P_TARGET))


def splits(it):
    return it.floor.rows("SELECT symbol, ratio, taken FROM splits ORDER BY seq")
