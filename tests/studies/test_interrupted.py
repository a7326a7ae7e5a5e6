"""A small version of the study: three kills."""

from tests.studies.interrupted import interrupt


def test_a_killed_sweep_is_resumed_without_repeating_a_finished_chunk():
    seen = interrupt(3, seed=1)
    assert seen.kills == 3, "the sweep must not end before it is killed"
    assert seen.same
    assert seen.repeated == 0
    assert seen.begun - seen.finished == seen.lost <= 3
