"""Parity of a journal that a trader wrote at the fake broker, over real sockets."""

import polars as pl
import pytest

from live.causes import Kind
from live.explained import explain
from live.journal import Journal
from live.journalled import journalled
from live.shortfall import shortfalls
from research.data import load_sample
from research.execution import Execution
from research.request import Request
from tests.live.trading import Floor, market
from tests.studies.paper import START, exact_levels

BARS = load_sample(["AAPL", "IBM"])
WISHES = {"threshold": 0.1, "min_trend": 30.0, "stop_atr": 1.5, "trail_atr": 1.5}


@pytest.mark.parametrize(("slips", "fills"), [(0.0005, set()), (0.003, {Kind.FILL})])
def test_what_a_broker_fills_otherwise_is_a_fill_and_nothing_else(tmp_path, slips, fills):
    """The backtest assumes five basis points; a broker that takes thirty is named, and nobody else."""
    costs = Execution(slippage=0.0005, commission=0.0)
    asked = Request("adaptive_momentum", ["AAPL", "IBM"], params=WISHES, execution=costs)
    with exact_levels(), market(BARS, START, slippage=slips) as fake:
        floor = Floor(fake, tmp_path, asked, history=lambda: BARS.filter(pl.col("bar_close") <= START))
        floor.tick()
        floor.sessions(4)
        floor.reopen()
        floor.sessions(4)
        floor.close()
    journal = Journal.at(tmp_path / "run.sqlite")
    said, orders = journalled(journal), shortfalls(journal)
    journal.close()
    explained = explain(said, BARS)
    assert explained.decisions == 18
    assert {found.cause.kind for found in explained.found} == fills
    bought = [one for one in orders if one.leg == "entry"]
    assert bought
    assert [one.slipped for one in bought] == pytest.approx([1e4 * slips] * len(bought), rel=1e-3)
