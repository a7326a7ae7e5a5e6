"""What is told once while it lasts, at a real trader and by its voice alone."""

from dataclasses import replace
from datetime import timedelta

from live.telling import Voice
from tests.live.crossing import story
from tests.live.trading import FREE

RULES = replace(FREE, stale_after=timedelta(days=5))


def skewed(it, seconds=2.5):
    """Let the trader's clock run ahead, by a little more at each look, as clocks do."""
    looks = iter(range(1, 10**6))
    it.floor.trader._clock = lambda broker: (
        broker.now + timedelta(seconds=seconds, microseconds=137 * next(looks))
    )


def test_a_block_whose_value_changes_at_each_look_is_told_once(tmp_path):
    with story(tmp_path, rules=RULES) as it:
        it.decide()
        skewed(it)
        it.evening()
        for _ in range(20):
            it.fake.advance(seconds=5)
            it.floor.tick()
        (told,) = it.told("blocked")
        assert "blocked by clock skew" in told
        assert it.entries == []


def test_a_block_is_told_anew_when_another_check_blocks_and_when_it_comes_back(tmp_path):
    with story(tmp_path, rules=RULES) as it:
        it.decide()
        skewed(it)
        it.evening(times=3)
        it.fake.settings.account.update(trading_blocked=True)
        it.floor.tick(times=3)
        it.fake.settings.account.update(trading_blocked=False)
        it.floor.tick(times=3)
        checks = [text.partition("blocked by ")[2].partition(":")[0] for text in it.told("blocked")]
        assert checks == ["clock skew", "account state", "clock skew"]


def test_what_it_is_about_decides_whether_it_lasts(tmp_path):
    with story(tmp_path) as it:
        voice = Voice(it.floor.journal, "paper", lambda: 0)
        looks = [
            [("1 s", "", "AAA")],
            [("2 s", "", "AAA")],  # nothing says that it is the same
            [("3 s", "skew", "AAA")],
            [("4 s", "skew", "AAA"), ("5 s", "skew", "BBB"), ("6 s", "age", "AAA")],
            [],
            [("7 s", "skew", "AAA")],
        ]
        for look in looks:
            for text, about, symbol in look:
                voice.tell("word", text, symbol, about)
            voice.turn()
        assert it.told("word") == ["1 s", "2 s", "3 s", "5 s", "6 s", "7 s"]


def test_what_is_lacking_lasts_through_an_outage_of_all_and_each_is_told_once(tmp_path):
    with story(tmp_path) as it:
        voice = Voice(it.floor.journal, "paper", lambda: 0)
        looks = [
            [("1: bars", "bars")],
            [("2: bars", "bars"), ("3: splits", "splits")],
            [("4: all", "")],  # a look that ended before bars and splits were asked for
            [("5: bars", "bars")],
            [],
        ]
        for look in looks:
            for text, about in look:
                voice.tell("unreachable", text, "", about)
            voice.turn()
        assert it.told("unreachable") == ["1: bars", "3: splits", "4: all"]
        assert it.kinds().count("reachable") == 1
