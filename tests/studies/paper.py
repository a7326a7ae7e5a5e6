"""Trading at the fake broker beside the backtest: the same decisions, orders, fills and equity, to the bit.

In: a strategy, sessions, symbols. The trader runs over real sockets with the real alpaca-py, is taken down
and begun again at random instants, and its journal is held against `run_unified_backtest` over the same bars:
every score, signal, gate, intent, fill and equity, compared exactly. Out: how many of each, and how many
differ.

Protection rests at the kernel's own levels here, finer than cents (`exact_levels` patches the rounding away
on both sides): what a tick does to a fill is the broker's own business, and `live.parity` labels it. Slippage
is the same on both sides, commission none, as at Alpaca and by default at an account. Nothing is patched in
`tests/live/test_parity_command.py`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from unittest import mock

import polars as pl

from live import protection, risk_form
from research.data.sample import load_sample
from research.execution import Execution
from research.request import Request
from research.simulation.backtest import backtest
from tests.fake_alpaca import checks
from tests.live.test_replay import compare
from tests.live.trading import Floor, market

STRATEGIES = ("adaptive_momentum", "ma_crossover", "ml_driven", "mean_reversion_ml")
SYMBOLS = ["AAPL", "GOOG", "IBM", "MSFT", "XMAS"]
START = datetime(2010, 1, 4, 22, tzinfo=UTC)
SLIPPAGE = 0.0005


def five() -> pl.DataFrame:
    """Return the sample's four long histories, and as a fifth MSFT's of 800 sessions before."""
    bars = load_sample(SYMBOLS[:4])
    known = bars.filter(pl.col("symbol") == "MSFT").sort("bar_close")
    later = known["bar_close"].shift(-800)
    fifth = known.with_columns(symbol=pl.lit("XMAS", known.schema["symbol"]), bar_close=later).drop_nulls(
        "bar_close"
    )
    return pl.concat([bars, fifth]).sort("symbol", "bar_close")


@contextmanager
def exact_levels():
    """Let protection rest at the kernel's own levels, in the trader and at the fake."""
    with (
        mock.patch.object(protection, "_below", lambda level: Decimal(repr(level))),
        mock.patch.object(protection, "_above", lambda level: Decimal(repr(level))),
        mock.patch.object(risk_form, "tick_of", lambda price: price),
        mock.patch.object(checks, "price", checks.number),
    ):
        yield


def traded(
    request: Request, bars: pl.DataFrame, start: datetime, sessions: int, restarts: int, folder: Path, seed=0
):
    """Trade at the fake; return the journal's path."""
    rng = random.Random(seed)
    pauses = set(rng.sample(range(1, sessions), min(restarts, sessions - 1)))
    with exact_levels(), market(bars, start, slippage=request.execution.slippage) as fake:
        floor = Floor(fake, folder, request)
        floor.tick()
        for number in range(sessions):
            if number in pauses:
                floor.reopen()
            floor.sessions(1)
        path = floor.journal.path
        floor.close()
    return path


def beside(request: Request, bars: pl.DataFrame, start: datetime, path: Path):
    """Hold a journal against the backtest over its span; return the result."""
    from tests.live.helpers import query

    ((last,),) = query(path, "SELECT max(bar_close) FROM bars")
    first = bars.filter(pl.col("bar_close") <= start)["bar_close"].sort().to_list()[-1]
    asked = replace(request, start=first, end=datetime.fromisoformat(last), train_fraction=0.0)
    result = backtest(asked, bars)
    compare(path, result)
    return result


def main(words: list[str]) -> None:
    """Trade each strategy and print what was compared."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies paper", description=__doc__)
    parser.add_argument("--sessions", type=int, default=250)
    parser.add_argument("--restarts", type=int, default=25)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    bars = five()
    for strategy in asked.strategies.split(","):
        began = time.monotonic()
        request = Request(strategy, SYMBOLS, execution=Execution(slippage=SLIPPAGE, commission=0.0))
        with tempfile.TemporaryDirectory() as folder:
            path = traded(request, bars, START, asked.sessions, asked.restarts, Path(folder), asked.seed)
            result = beside(request, bars, START, path)
        print(
            f"{strategy}: {asked.sessions} sessions x {len(SYMBOLS)} symbols, {asked.restarts} restarts: "
            f"{result.decisions.height} decisions, {result.orders.height} fills, 0 differ "
            f"({time.monotonic() - began:.0f} s)",
            flush=True,
        )
