"""What stands beside a backtest: on the page where it is given, and in a terminal of 80 characters."""

import math

import pytest
from rich.console import Console

from research.evidence.baselines import Null
from research.evidence.influence import Change, Influence
from research.report.beside import Evidence
from research.report.tearsheet import report_html
from research.report.terminal import BESIDE, ROWS, beside
from research.simulation.backtest import run_unified_backtest

NAMES = ("always up", "equal weight", "logistic regression", "old crossover", "hold at its exposure")
STATS = {
    "trades": 12345.0, "total_return": 19.581, "sharpe_ratio": -0.76, "max_drawdown": -0.985,
    "exposure": 0.351, "costs_paid": 122_622.0,
}  # fmt: skip


def test_the_table_of_baselines_fits_a_terminal_whole():
    console = Console(record=True, width=80)
    console.print(beside(dict.fromkeys(("mean_reversion_ml", *NAMES), STATS), "Beside it"))
    lines = console.export_text().splitlines()
    for name in ("mean_reversion_ml", *NAMES):
        (line,) = (one for one in lines if one.startswith(name))
        assert line.split(name)[1].split() == (
            ["12345", "+1958.1", "%", "-0.76", "-98.5", "%", "35.1", "%", "122,622", "USD"]
        ), "one line each, nothing cut"
    assert all(head in " ".join(lines) for head in BESIDE.values())
    assert max(map(len, lines)) <= 80
    assert set(BESIDE) <= set(ROWS)


@pytest.mark.parametrize(("entries", "verdict"), [(0.953, "passes"), (0.1, "FAILS: it does not listen")])
def test_evidence_that_is_given_is_on_the_page(entries, verdict):
    result = run_unified_backtest(symbols=["IBM"], strategy="ma_crossover")
    change = Change(entries=entries, sizes=math.nan, before=112, after=89)
    found = Evidence(
        dict.fromkeys(NAMES, STATS),
        Null(0.3304, 0.05, 1000),
        Influence("ma_crossover", {"constant": change}),
    )
    page = report_html([result], evidence={"ma_crossover": found})
    for text in (
        *NAMES,
        "122,622 USD",
        "p = 0.330",
        "1,000 circular shifts",
        f"{100 * entries:.1f} %",
        verdict,
    ):
        assert text in page, text
    assert "beside simpler ways" not in report_html([result])
