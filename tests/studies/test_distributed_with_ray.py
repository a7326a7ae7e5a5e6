"""A small version of the study with ray: real workers, one killed."""

from tests.studies.small import distributed


def test_ray_finds_the_same_and_loses_nothing_with_a_worker():
    found = distributed("ray")
    assert found["same by joblib"]
    assert found["same of a model"]
    assert set(found["cores"]) == {1}, "ray's cluster ran it, a task on the core that it has"
    assert found["killed"]
    assert found["same after a kill"]
    assert found["task"][1] < found["task"][0] + 64, "a task names its cells by runs, however many they are"
