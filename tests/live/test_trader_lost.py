"""A journal is lost: what a new one makes of the shares, the protection and the orders that it finds."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from live.findings import Act, Policy
from live.home import KILL_FILE
from live.risk_context import Purpose
from tests.live.crossing import PARAMS, REQUEST, story
from tests.live.trading import Floor

SHARES = 173.0
STOP_ONLY = replace(REQUEST, params={**PARAMS, "target": 0.0})
# Its stop is 30 % away, 80.50; the averages cross downwards at the close of the second day.
FAR = replace(REQUEST, params={**PARAMS, "stop": 0.3})
FALLS = {3: (118, 118.3, 97, 98), 4: (97, 98, 95, 96), 5: (95, 96, 93, 94)}


@contextmanager
def lost(folder, drift, request=REQUEST, **more):
    """Enter and protect, and go on with an empty journal before the next open."""
    with story(folder, request=request, **more) as it:
        it.enter()
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
        it.floor.close()
        it.fake.advance_to(it.later[0].open - timedelta(hours=3))
        (folder / "new").mkdir()
        policy = Policy(drift=drift)
        it.floor = Floor(it.fake, folder / "new", request, start="2023-01-01", policy=policy)
        it.floor.tick(times=3)
        yield it


def purposes(it):
    """What is known of the open orders: purpose, type, whether it is the leg of another that is known."""
    found = it.floor.tracks.open("AAA")
    legs = [t.fields.get("parent", "") in it.floor.tracks.orders for t in found]
    return sorted((str(t.purpose), t.kind, leg) for t, leg in zip(found, legs, strict=True))


PAIR = [("protect", "limit", False), ("protect", "stop", True)]


@pytest.mark.parametrize(("request_", "found"), [(REQUEST, PAIR), (STOP_ONLY, [("protect", "stop", False)])])
@pytest.mark.parametrize("drift", [Act.ADOPT, Act.HALT])
def test_protection_is_taken_for_what_it_is_and_stays_under_the_switch(tmp_path, drift, request_, found):
    with lost(tmp_path, drift, request_) as it:
        rests = [("sell", SHARES, 109.25)]
        assert (purposes(it), it.protection) == (found, rests)
        counted = [(r.purpose, r.remaining) for r in it.floor.tracks.resting()]
        assert counted == [(Purpose.PROTECT, SHARES)]  # the pair once
        (tmp_path / "new" / KILL_FILE).write_text("look")
        it.floor.tick(times=3)
        assert (it.protection, it.fake.positions()) == (rests, {"AAA": SHARES})
        assert it.told("unprotected") == it.told("killed") == []


def test_the_strategy_leaves_shares_that_were_taken_over(tmp_path):
    with lost(tmp_path, Act.ADOPT, FAR, after=FALLS) as it:
        assert it.fake.positions() == {"AAA": 28.0}
        for day in it.later[:4]:
            it.floor.tick(max(day.open - timedelta(hours=8), it.fake.now), times=3)
            it.floor.tick(day.open + timedelta(seconds=20), times=2)
            it.floor.tick(day.close + timedelta(minutes=1), times=2)
        assert it.told("blocked") == []
        assert (it.fake.positions(), it.protection) == ({}, [])
        assert [(body["type"], body["side"], body["qty"]) for body in it.sent[2:]] == [
            ("market", "sell", "28")
        ]


def test_shares_that_are_to_be_closed_are(tmp_path):
    with lost(tmp_path, Act.FLATTEN) as it:
        it.floor.tick(it.later[0].open + timedelta(minutes=5), times=3)
        assert (it.fake.positions(), it.protection, it.told("blocked")) == ({}, [], [])
        assert it.told("flat") == ["what nobody here could explain is closed"]
