"""The study of parity's labels, small: every kind is named, two at once are, and nothing where nothing is."""

from live.causes import Kind
from tests.studies import parity_labels
from tests.studies._planted import PLANTS


def test_each_kind_is_told_rightly_and_untouched_journals_are_left_alone():
    found = parity_labels.study(1, 5, untouched=1, pairs=1, say=lambda line: None)
    assert set(found) == {"untouched", *map(str, PLANTS), "two at once"}
    wrong = [line for told in found.values() for line in told.wrong]
    assert wrong == []
    assert found["untouched"].changed == 0
    assert sum(told.changed for told in found.values()) >= 5


def test_command(capsys):
    parity_labels.main(["--each", "0", "--untouched", "1", "--pairs", "0"])
    assert "told rightly    1 (100.0%)" in capsys.readouterr().out
    assert {Kind.FILL, Kind.REVISED, Kind.WARMUP, Kind.CALENDAR, Kind.MODEL} < set(PLANTS)
