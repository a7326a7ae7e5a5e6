"""Protection at the fake broker: levels that no price can reach, and what rests without them."""

from dataclasses import replace

import polars as pl
import pytest

from research.execution import Execution
from tests.live.crossing import PARAMS, REQUEST, story

SHORTS = Execution(slippage=0.0, commission=0.0, allow_short=True)


def mirrored(bars):
    """Turn the story's prices about 150: what rose falls, and is sold short."""
    names = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return bars.with_columns(**{name: 300 - pl.col(other) for name, other in names.items()})


@pytest.mark.parametrize("target", [1.0, 1.2, 0.99999999])
def test_a_shorts_target_that_no_price_can_reach_leaves_its_stop(tmp_path, target):
    """Sold at 185: the target is at 0, at −37, or less than a tick; the stop of 5 % at 194.25."""
    request = replace(REQUEST, params={**PARAMS, "target": target, "allow_short": 1}, execution=SHORTS)
    with story(tmp_path, request=request, alter=mirrored, settings={"multiplier": 4.0}) as it:
        it.enter()
        for session in (None, *it.later[:2]):
            if session is not None:
                it.floor.session(session)
            it.floor.reopen()
            it.floor.tick()
            assert it.protection == [("buy", 108.0, 194.25)]
        assert it.fake.positions() == {"AAA": -108.0}
        assert it.told("rejected") == []
        assert len(it.sent) == 2  # the entry and its stop


def test_a_shorts_target_alone_that_no_price_can_reach_lets_nothing_rest(tmp_path):
    params = {**PARAMS, "stop": 0.0, "target": 1.2, "allow_short": 1}
    request = replace(REQUEST, params=params, execution=SHORTS)
    with story(tmp_path, request=request, alter=mirrored, settings={"multiplier": 4.0}) as it:
        it.enter()
        it.floor.session(it.later[0])
        assert it.fake.positions()["AAA"] < 0
        assert it.protection == []
        assert len(it.sent) == 1
