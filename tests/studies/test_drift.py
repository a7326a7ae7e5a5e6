"""The drift study, small: rates that the design promises, with room for chance."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studies import drift


def test_plain_detector_on_labels_that_do_not_overlap():
    rates = drift.measure(np.random.default_rng(1), 25, 0.05, 1, overlap=False)
    assert rates.at_reference < 0.2
    assert rates.at_edge <= 1.2
    assert rates.delay == pytest.approx(165, abs=30)


def test_overlap_needs_turns():
    plain = drift.measure(np.random.default_rng(2), 12, 0.1, 20, overlap=False)
    turns = drift.measure(np.random.default_rng(2), 12, 0.1, 20, overlap=True)
    assert plain.at_reference > 4, "the reason why the other detector exists"
    assert turns.at_reference <= 0.8
    assert turns.at_edge <= 1.2
    assert turns.delay < 1300


def test_labels_of_different_symbols_overlap_too():
    plain = drift.measure(np.random.default_rng(4), 8, 0.3, 20, overlap=False, every=20)
    turns = drift.measure(np.random.default_rng(4), 8, 0.3, 20, overlap=True, every=20)
    assert plain.at_reference > 4, "no label shares a bar with another of its symbol, and yet"
    assert turns.at_reference <= 0.8
    assert turns.at_edge <= 1.2


def test_command_prints_every_row(capsys, monkeypatch):
    monkeypatch.setattr(drift, "SPAN", 200)
    monkeypatch.setattr(drift, "PATIENCE", 300)
    drift.main(["--runs", "1", "--seed", "3"])
    assert len(capsys.readouterr().out.splitlines()) == 3 + 7 + 16
