"""The study of kills, small: twelve points once, one market with many, and traders that it must find out."""

import random
from collections import Counter
from contextlib import nullcontext

import pytest

from tests.live.crash_child import POINTS
from tests.studies import crash

BARS = 3
# Before or after, of each in turn: the study has both.
SOME = [point for i, point in enumerate(POINTS) if i % 4 in {0, 3}]


@pytest.fixture(scope="module")
def child():
    with crash.Child() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def never(child):
    return crash.one(child, {}, BARS)


@pytest.mark.parametrize("point", SOME)
def test_a_kill_doubles_and_loses_nothing(point, child, never):
    kill = [crash.Kill(point)]
    found = crash.one(child, {0: kill} if point in crash.ONCE else dict.fromkeys(range(1, BARS), kill), BARS)
    assert found.kills[point] == found.kills.total() >= 1
    assert not found.breaches, found.examples
    assert found.end == never.end


def test_kills_in_each_bar_and_of_the_starts_after_them(child, never):
    points = [
        [crash.ONCE[1]],
        ["after the look", "before the look"],
        ["after the snapshot", "before the pulse"],
    ]
    found = crash.one(child, {bar: [*map(crash.Kill, some)] for bar, some in enumerate(points)}, BARS)
    assert found.kills == Counter(point for some in points for point in some)
    assert not found.breaches, found.examples
    assert found.end == never.end


def test_nobody_killed_it_and_it_trades(never):
    assert not never.kills
    assert never.executions >= 2
    assert not never.breaches, never.examples


def test_a_trader_that_writes_after_it_has_sent_is_found_out():
    with crash.Child("forget") as child:
        found = crash.one(child, {1: [crash.Kill("after an order is sent")]}, BARS)
    assert found.kills.total() == 1
    assert found.breaches["lost"] + found.breaches["duplicate"] > 0


class Told:
    """In place of the nursery: it is told to end, and no more."""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def tell(self, word):
        assert word == "end"


@pytest.mark.parametrize(
    ("unkilled", "killed", "short", "status"),
    [
        (["cash 5"], ["cash 5"], 0, 0),
        (["cash 5"], ["cash 4"], 0, 1),
        ([], [], 0, 1),  # nobody traded
        (["cash 5"], ["cash 5"], 1, 1),  # a point was never struck
    ],
)
def test_exit_status(unkilled, killed, short, status, monkeypatch, capsys):
    def one(_, kills, bars, seed):
        end = frozenset(killed if kills else unkilled)
        struck = (kill.point for some in kills.values() for kill in some)
        missed = list(POINTS)[:short]
        return crash.Found(end, len(end), Counter(), [], Counter(at for at in struck if at not in missed))

    monkeypatch.setattr(crash, "Child", Told)
    monkeypatch.setattr(crash, "one", one)
    with pytest.raises(SystemExit) if status else nullcontext() as ended:
        crash.main(["--times", "1", "--starts", "0"])
    out = capsys.readouterr().out
    assert ended is None or ended.value.code == status
    assert ("    only unkilled: cash 5\n" in out) == ("    cash 4\n" in out) == (killed == ["cash 4"])


def test_one_kill_a_bar_where_fewest_were():
    struck = dict.fromkeys(POINTS, 2) | {"after the look": 0, "before a cancel": 1, crash.ONCE[1]: 1}
    kills = crash.drawn(random.Random(1), struck, 3, bars=4)
    assert sorted(kills) == [0, 1, 2, 3, 4]
    assert [kills[bar][0].point for bar in range(3)] == [crash.ONCE[1], "after the look", "before a cancel"]
    assert len({some[0].point for some in kills.values()}) == 5
    assert not {some[0].point for bar, some in kills.items() if bar} & set(crash.ONCE)
    assert crash.drawn(random.Random(1), dict.fromkeys(POINTS, 3), 3) == {}


def test_a_start_is_timed():
    ((clock, busy),) = crash.starts(1)
    assert clock > 0
    assert 0 < busy < 60
