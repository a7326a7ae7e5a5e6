"""The veto funnel adds up, and names the gate when nothing is traded."""

import pytest

from live.funnel import Funnel, funnel
from live.journal import Journal
from tests.live.helpers import query, replayed, request


@pytest.fixture
def counted(tmp_path):
    def count(asked):
        path = tmp_path / "run.sqlite"
        replayed(path, asked)
        journal = Journal.at(path)
        try:
            return path, funnel(journal)
        finally:
            journal.close()

    return count


def test_every_decision_ends_somewhere(counted):
    path, counts = counted(request())
    ((decisions, entries),) = query(path, "SELECT count(*), sum(intent_reason = 'entry') FROM decisions")
    assert counts.decisions == decisions
    assert (
        counts.entries == entries == query(path, "SELECT count(*) FROM orders WHERE leg = 'entry'")[0][0] > 0
    )
    assert sum(counts.blocked.values()) + entries == decisions
    assert sum(counts.became.values()) == entries
    assert counts.filled == query(path, "SELECT count(*) FROM fills WHERE reason = 'entry'")[0][0]
    assert {"momentum", "already held", "training bars"} <= set(counts.blocked)
    assert list(counts.blocked.values()) == sorted(counts.blocked.values(), reverse=True)
    assert counts.silence() is None


def test_a_run_without_a_trade_names_what_blocked(counted):
    _, counts = counted(request(params={"threshold": 10.0}))
    assert counts.entries == counts.filled == 0
    blocked = counts.blocked["momentum"]
    assert blocked == counts.decisions
    assert counts.silence() == (
        f"no trade: none of {blocked} decisions asked for an entry (blocked by momentum {blocked})"
    )


def test_entries_that_all_lapsed_are_silence_too():
    assert Funnel(9, {"momentum": 7}, 2, {"no bar": 1, "no free cash": 1}).silence() == (
        "no trade: none of 2 entries filled (no bar 1, no free cash 1)"
    )
    assert Funnel(0, {}, 0, {}).silence() is None


def test_blame_falls_on_the_entries_if_most_of_them_come_to_nothing():
    gates = {"no entry wanted": 700, "held": 200}
    door = "blocked: order notional"
    assert Funnel(925, gates, 25, {door: 22, "filled": 3}).blame == f"of 25 entries 22 end at: {door}"
    assert Funnel(925, gates, 25, {"filled": 22, door: 3}).blame == "most decisions end at: no entry wanted"
    assert Funnel(901, gates, 1, {"new": 1}).blame == "most decisions end at: no entry wanted"
    assert Funnel(1, {}, 1, {"filled": 1}).blame == Funnel(0, {}, 0, {}).blame == ""
