"""Chaos, small: the study is `python -m tests.chaos --seeds 1000`."""

from dataclasses import replace
from decimal import Decimal

import pytest

from live.protecting import Protecting
from live.taking import Taking
from live.tracks import Tracks
from tests.chaos.__main__ import main
from tests.chaos.process import RULES
from tests.chaos.run import run
from tests.chaos.study import Kept, Size, code

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


def test_a_trader_that_takes_no_bars_is_found_out(monkeypatch):
    monkeypatch.setattr(Taking, "take", lambda self, now, schedule: True)
    assert run(1, 3, 2).breaches["stalled"] > 0


def test_a_trader_that_leaves_shares_bare_is_found_out(monkeypatch):
    assert run(5, 12, 2).breaches["unprotected"] == 0
    monkeypatch.setattr(Protecting, "_insist", lambda self, want, orders, plan, *, beyond: None)
    assert run(5, 12, 2).breaches["unprotected"] > 0


@pytest.mark.parametrize(
    ("tight", "seed"),
    [
        (replace(RULES, gross_exposure=Decimal("0.2")), 1),
        (replace(RULES, position_share=Decimal("0.1")), 1),
        (replace(RULES, daily_loss=Decimal(0)), 4),
        (replace(RULES, drawdown=Decimal(0)), 1),
    ],
    ids=["gross exposure", "position share", "daily loss", "drawdown"],
)
def test_a_trader_that_knows_of_no_such_limit_is_found_out(monkeypatch, tight, seed):
    monkeypatch.setattr("tests.chaos.run.RULES", tight)  # the judge's alone
    assert run(seed, 12, 2).breaches["limit"] > 0


def test_command(capsys):
    assert main(["--seeds", "1", "--seed", "1", "--bars", "4", "--faults", "2"]) == 0
    out = capsys.readouterr().out
    assert "failing seeds none of 1" in out
    assert "duplicate 0  lost 0  limit 0  exception 0  unequal 0  stalled 0  unprotected 0" in out


SMALL = ["--seed", "1", "--bars", "3", "--faults", "2"]


def test_a_study_goes_on_from_its_file(tmp_path, capsys):
    path = tmp_path / "seeds.jsonl"
    assert main([*SMALL, "--seeds", "1", "--out", str(path)]) == 0
    first = path.read_text()
    path.write_text(
        first + '{"seed": 2, "kind": "cut'
    )  # the second was being written when the machine stopped
    capsys.readouterr()
    assert main([*SMALL, "--seeds", "2", "--out", str(path)]) == 0
    out = capsys.readouterr().out
    assert "seed 1 " not in out
    assert "seed 2 " in out
    assert "minute bars: 2 seeds" in out
    assert path.read_text().startswith(first)
    kept = Kept(path, Size(3, 2)).found
    assert list(kept) == [1, 2]
    assert kept[2].digest == run(2, 3, 2).digest


def test_a_file_of_other_seeds_is_refused(tmp_path, capsys):
    path = tmp_path / "seeds.jsonl"
    for text in ("a poem\n", '{"seed": 1}\n', "[]\n"):
        path.write_text(text)
        assert main([*SMALL, "--seeds", "1", "--out", str(path)]) == 2
        assert "line 1: must be an outcome of chaos, is none; name another --out" in capsys.readouterr().err
    path.unlink()
    assert main([*SMALL, "--seeds", "1", "--out", str(path)]) == 0
    assert main([*SMALL[:3], "4", *SMALL[4:], "--seeds", "1", "--out", str(path)]) == 2
    assert "seeds must have 4 bars and 2 faults, were 3 and 2" in capsys.readouterr().err
    path.write_text(path.read_text().replace(code(), "0" * 12))
    assert main([*SMALL, "--seeds", "1", "--out", str(path)]) == 2
    assert f"seeds must be of the code as it is, {code()}, were of {'0' * 12}" in capsys.readouterr().err


def test_processes_bring_what_one_does(tmp_path, capsys):
    path = tmp_path / "seeds.jsonl"
    assert main([*SMALL, "--seeds", "2", "--jobs", "2", "--out", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.index("seed 1 ") < out.index("seed 2 ")
    assert Kept(path, Size(3, 2)).found[1].digest == run(1, 3, 2).digest
