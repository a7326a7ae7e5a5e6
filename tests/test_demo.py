"""The tour, on two symbols and a small grid: it ends with matched orders and five files."""

import json

import polars as pl
import pytest
from rich.console import Console

from research import demo
from research.data import load_sample
from research.evidence.audit_setup import audit_settings
from research.strategies import STRATEGIES


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() >= 2003)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "load_sample", lambda: bars)
        patch.setattr(demo, "GRID", {"threshold": [0.0, 0.5], "stop_atr": [2.0, 3.0], "min_trend": [50.0]})
        patch.setattr(demo, "LEARNING", audit_settings(retrain_every=252))
        patch.setattr(demo, "INSTANTS", 2)
        console = Console(record=True, width=80)
        told = demo.tour(folder / "out", console)
    return folder / "out", told, console.export_text()


def test_every_order_of_the_replay_is_the_backtests(toured):
    _, told, text = toured
    for name, replay in told["replay"].items():
        assert replay["orders"] == replay["matched"] == replay["backtest"] > 0
        if demo.REPLAYED[name] is None:
            stats = told["strategies"][name]["stats"]
            assert replay["orders"] == 2 * stats["trades"] + stats["open_trades"]
        assert f"{replay['matched']} of the backtest's {replay['orders']} matched" in " ".join(text.split())


def test_all_strategies_are_there_and_the_audit_speaks(toured):
    _, told, text = toured
    assert set(told["strategies"]) == set(STRATEGIES)
    assert told["audit"] == {"strategy": "ml_driven", "instants": 2, "differences": 0}
    assert "0 differences in what was known" in " ".join(text.split())
    for name in STRATEGIES:
        assert name in text, "no name is cut off"


def test_files_are_where_it_says(toured):
    folder, told, text = toured
    names = {"report.html", "heatmap.html", "signals.csv", "trades.csv", "summary.json"}
    assert {p.name for p in folder.iterdir()} == names
    assert all(name in text for name in names)
    assert json.loads((folder / "summary.json").read_text()) == told
    assert told["sweep"]["cells"] == 4
    assert told["sweep"]["backtests"] == 8


def test_the_grid_has_a_thousand_cells():
    cells = 1
    for values in demo.GRID.values():
        cells *= len(values)
    assert cells >= 1000


def test_a_changed_order_is_not_matched():
    from datetime import UTC, datetime

    row = {"symbol": "IBM", "side": "buy", "reason": "entry", "quantity": 3.0, "price": 10.0, "fee": 0.03}
    tested = pl.DataFrame([{"bar_close": datetime(2010, 1, 4, 21, tzinfo=UTC), **row}])
    same = ("2010-01-04T21:00:00Z", "IBM", 1, "entry", 3.0, 10.0, 0.03)
    assert demo.matched_orders([same], tested) == 1
    assert demo.matched_orders([(*same[:5], 10.000000000000002, 0.03)], tested) == 0
    assert demo.matched_orders([(*same[:2], -1, *same[3:])], tested) == 0
