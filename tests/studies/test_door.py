"""The risk door's study, small: no limit is broken, and the audit does see what a door lets through."""

import pytest

from live import risk
from live.risk_context import Purpose
from tests.studies import door


def test_no_admitted_order_breaks_a_limit():
    found = door.study(2500, 1)
    assert found.breaches.total() == 0
    assert found.admitted > 200
    assert len(found.blocked) > 20


@pytest.mark.parametrize(("check", "rule"), [
    ("order notional", "order"), ("gross exposure", "gross"), ("kill switch", "killed"),
    ("stale bar", "stale"),
])  # fmt: skip
def test_a_door_that_forgot_a_check_is_found_out(check, rule, monkeypatch):
    left = {name: ask for name, ask in risk.CHECKS[Purpose.ENTER].items() if name != check}
    monkeypatch.setitem(risk.CHECKS, Purpose.ENTER, left)
    assert door.study(2500, 1).breaches[rule] > 0


def test_command(capsys):
    door.main(["--orders", "300"])
    out = capsys.readouterr().out
    assert "breaches 0" in out
    assert "99th percentile" in out
