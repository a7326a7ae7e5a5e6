"""A small version of the study with dask: real workers, one killed."""

from tests.studies.small import distributed


def test_dask_finds_the_same_and_loses_nothing_with_a_worker():
    found = distributed("dask")
    assert found["same"]
    assert found["same by joblib"]
    assert found["same in tasks"], "tasks that sweep, on every worker: none waits for another"
    assert found["cores"] == [[1], [1]], "joblib's cluster ran it, a worker on the thread that it has"
    assert found["same of a model"]
    assert found["killed"]
    assert found["same after a kill"]
    few, many = found["received"]
    assert all(found["bench"] <= count < 1.1 * found["bench"] + 100_000 for count in (*few, *many))
    # Ten times the cells: what the workers are sent grows by the tasks' few bytes, not with the cells.
    assert max(many) < min(few) + 0.05 * found["bench"]
