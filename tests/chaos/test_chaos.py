"""Chaos, small: the study is `python -m tests.chaos --seeds 1000`."""

import pytest

from live.tracks import Tracks
from tests.chaos.__main__ import main
from tests.chaos.run import run

SEEDS, BARS, FAULTS = 50, 3, 20  # few bars, spoiled at each look: a seed of 390 takes a minute


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_nothing_is_doubled_lost_or_too_large(first):
    for seed in range(first, first + 10):
        found = run(seed, BARS, FAULTS)
        assert not found.breaches, found.examples
        assert found.mishaps.total() == FAULTS


def test_the_same_seed_gives_the_same_journal():
    assert run(1, 8, 20).digest == run(1, 8, 20).digest


def test_a_trader_that_writes_after_it_has_sent_is_found_out(monkeypatch):
    put = Tracks.put
    monkeypatch.setattr(
        Tracks,
        "put",
        lambda self, *tracks, events=(): put(self, *(t for t in tracks if t.order.broker_id), events=events),
    )
    found = run(1, 12, 20)
    assert found.breaches["lost"] + found.breaches["exception"] > 0


def test_command(capsys):
    assert main(["--seeds", "1", "--seed", "1", "--bars", "4", "--faults", "2"]) == 0
    out = capsys.readouterr().out
    assert "failing seeds none of 1" in out
    assert "duplicate 0  lost 0  limit 0  exception 0  unequal 0" in out
