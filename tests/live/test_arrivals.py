"""How far back bars are asked for: seldom far, mostly a little, always to each symbol's last."""

import random
from datetime import datetime, timedelta

import pytest

from tests.chaos.market import market
from tests.chaos.process import Process
from tests.fake_alpaca import FakeAlpaca
from tests.live.trading import access

MINUTE = timedelta(minutes=1)
FIRST = 770  # the bar before the first look, ten before the session's last
LOOKS = 45


class Asked:
    """A trader of minute bars, and from which bar on each of its questions asked: bars before the last."""

    def __init__(self, folder, spoil=lambda fake, closes: None):
        world = market(random.Random(4), 400, daily=False, splits=False)
        self.closes = sorted(set(world.bars["bar_close"].to_list()))[FIRST:]
        start = self.closes[0] + timedelta(seconds=1)
        with FakeAlpaca(world.bars, start=start, calendar=world.calendar, seed=1) as fake:
            spoil(fake, self.closes)
            self.fake = fake
            self.process = Process(
                access(fake), "1Min", folder, lambda: fake.now, settle=timedelta(seconds=2)
            )
            self.back, self.told = [], []
            for close in self.closes[1:LOOKS]:
                self.look(close)
            self.process.again()
            self.look(self.closes[LOOKS])
            self.process.close()

    def look(self, close):
        self.fake.advance_to(close + timedelta(seconds=9))
        before = self.fake.log.count("GET /v2/stocks/bars")
        self.process.trader.tick()
        raw, adjusted = self.fake.log.of("GET /v2/stocks/bars")[before:]
        begins = [datetime.fromisoformat(call.query["start"]) for call in (raw, adjusted)]
        assert begins[0] == begins[1]
        last = self.closes[self.closes.index(close) - 1]
        self.back.append((last - begins[0]) // MINUTE)
        rows = self.process.journal.rows("SELECT count(*) FROM events WHERE kind = 'corrected bar'")
        self.told.append(rows[0][0])


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    """Return a run in which a bar is corrected 14 minutes after it, another after 3."""

    def spoil(fake, closes):
        for bar, symbol, seconds in ((20, "AAA", 840), (30, "BBB", 180)):
            fake.fault(
                "data", "revise", at=closes[bar], match={"symbol": symbol}, set={"v": 1.0}, seconds=seconds
            )

    return Asked(tmp_path_factory.mktemp("corrected"), spoil)


def test_far_back_is_asked_first_and_on_a_new_day_and_after_thirty_bars_and_after_a_start(corrected):
    # Look n is for the bar n + 1 after the 771st; a session has 390, so the 781st, which the third day begins
    # with, is look 9's. The process begins anew before the last look.
    wide = [look for look, back in enumerate(corrected.back) if back >= 120]
    assert wide == [0, 9, 39, 44]
    assert {back for look, back in enumerate(corrected.back) if look not in wide} == {5}


def test_a_correction_of_one_of_the_last_five_bars_is_told_at_once_an_older_one_at_the_next_wide_question(
    corrected,
):
    # Bar 30 is taken at look 29 and right again at its end and 180 s: seen at look 32. Bar 20's correction of
    # 14 minutes later is out of the narrow question's sight, and seen at the wide one.
    assert corrected.told[31:33] == [0, 1]
    assert corrected.told[38:40] == [1, 2]


def test_the_last_bar_of_a_symbol_that_is_silent_is_asked_for(tmp_path):
    def spoil(fake, closes):
        fake.fault("data", "missing", at=closes[11], until=closes[30], match={"symbol": "CCC"})

    asked = Asked(tmp_path, spoil)
    # CCC's last bar is the tenth; what is asked from is five bars before it, until it trades again.
    assert asked.back[21:30] == [16, 17, 18, 19, 20, 21, 22, 23, 24]
    assert asked.back[31] == 5
