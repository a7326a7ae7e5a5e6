"""The selection study, small: the naive test errs nearly always, SPA within its level."""

from tests.studies import selection


def test_unrelated_cells():
    rates = selection.measure(selection.unrelated, 12, seed=1, reps=200)
    assert rates.naive > 0.7
    assert rates.spa <= rates.allowed
    assert rates.deflated <= rates.allowed


def test_rules():
    rates = selection.measure(selection.rules, 12, seed=2, reps=200)
    assert rates.spa <= rates.allowed
    assert rates.trials < 25, "cells of one grid resemble each other"


def test_swept():
    rates = selection.measure(selection.swept, 10, seed=3, reps=200)
    assert rates.spa <= rates.allowed
    assert 1.0 <= rates.trials < 25


def test_command(capsys):
    selection.main(["--sweeps", "1", "--reps", "100", "--seed", "3"])
    assert len(capsys.readouterr().out.splitlines()) == 2 + 3
