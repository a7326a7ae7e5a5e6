"""The small version: a grid of each strategy through both engines, and one account of each as a backtest."""

import pytest

from tests.studies import parity


@pytest.mark.parametrize("name", parity.SMALL)
def test_every_cell_is_vectorbts_and_one_is_the_backtest(name):
    case = parity.SMALL[name]
    ours = parity.run(case, "fused")
    counted = parity.held_against(ours, parity.run(case, "vectorbt"))
    assert counted.cells >= (200 if case.learning is None else 32)
    assert counted.orders > 10 * counted.cells, "these cells hardly trade, so the comparison says little"
    assert counted.different == 0
    ((_, cell, symbol),) = parity.drawn({name: ours}, 1, seed=4)
    alone = parity.by_day(case, ours, cell, symbol, days=60)
    assert alone.orders > 5
    assert alone.different == 0


def test_an_order_that_differs_is_seen():
    case = parity.SMALL["windows"]
    few = case._replace(grid={"fast": [5, 8], "slow": [30]})
    ours = parity.run(few, "fused")
    later = parity.run(few._replace(params={"max_weight": 0.94}), "vectorbt")
    assert parity.held_against(ours, later).different == 6
    other = few._replace(execution=parity._PLAIN)
    assert parity.by_day(other, ours, 0, "IBM", days=10).different == 1
