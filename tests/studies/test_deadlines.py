"""The study of silence, small: with short deadlines, each fault is survived as it is with long ones."""

import pytest

from live.stream_line import Patience
from tests.studies import deadlines

PATIENCE, DEADLINE, POLL = 1.0, 0.8, 0.2
STREAM = Patience(open=1.0, reply=1.0, silence=1.0, pong=0.5, first=0.1, longest=0.5)


@pytest.mark.parametrize("fault", deadlines.FAULTS)
def test_silence_is_bounded_and_healed(fault):
    found = deadlines.one(fault, 2.5, PATIENCE, DEADLINE, POLL, STREAM)
    # A second above what is asked for: a machine may be busy. The study has the true deadlines.
    assert found.call < PATIENCE + 1.0
    assert found.gap < PATIENCE + deadlines.BEAT + 1.5
    assert found.calls > 8


def test_the_command_names_its_faults():
    with pytest.raises(SystemExit):
        deadlines.main(["--fault", "boredom"])
