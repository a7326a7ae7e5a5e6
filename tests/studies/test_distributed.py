"""A small version of the study, each backend in a process of its own: real workers, one killed."""

import json
import subprocess
import sys
from pathlib import Path


def seen(backend):
    words = [sys.executable, "-m", "tests.studies.distributed", "--small", backend]
    run = subprocess.run(words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return json.loads(run.stdout.splitlines()[-1])


def test_dask_finds_the_same_and_loses_nothing_with_a_worker():
    found = seen("dask")
    assert found["same"]
    assert found["same by joblib"]
    assert found["cores"] == [[1], [1]], "joblib's cluster ran it, a worker on the thread that it has"
    assert found["same of a model"]
    assert found["killed"]
    assert found["same after a kill"]
    few, many = found["received"]
    assert all(found["bench"] <= count < 1.1 * found["bench"] + 100_000 for count in (*few, *many))
    # Ten times the cells: what the workers are sent grows by the tasks' few bytes, not with the cells.
    assert max(many) < min(few) + 0.05 * found["bench"]


def test_ray_finds_the_same_and_loses_nothing_with_a_worker():
    found = seen("ray")
    assert found["same by joblib"]
    assert found["same of a model"]
    assert set(found["cores"]) == {1}, "ray's cluster ran it, a task on the core that it has"
    assert found["killed"]
    assert found["same after a kill"]
    assert found["task"][1] < found["task"][0] + 64, "a task names its cells by runs, however many they are"
