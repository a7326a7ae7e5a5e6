"""Backends asked wrongly; what they find is held to the local sweep in tests/studies/."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue, MissingExtra, SnapshotMismatch, UnknownName
from research.simulation import fused, workers
from research.simulation.sweep import sweep


@pytest.fixture(scope="module")
def swept():
    grid = {"threshold": "0:1:0.1", "min_trend": [50, 70]}
    return sweep(load_sample(["IBM"]), grid=grid, engine="fused", progress=False, ledger=None)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"backend": "dusk"}, UnknownName, "unknown sweep backend 'dusk'; did you mean 'dask'?"),
        ({"address": "tcp://here"}, BadValue, "`address` is of a cluster, was 'tcp://here' with the backend"),
        ({"workers": 2}, BadValue, "`workers` is of a cluster, was 2 with the backend 'local'"),
        ({"backend": "dask", "workers": 0}, BadValue, "`workers` must be a whole number ≥ 1, was 0"),
        ({"backend": "ray", "workers": 1.5}, BadValue, "`workers` must be a whole number ≥ 1, was 1.5"),
        ({"backend": "dask", "workers": 2, "address": "a"}, BadValue, "leave one of them out"),
    ],
)
def test_wrong_questions_get_one_line(swept, asked, error, said):
    with pytest.raises(error) as refusal:
        sweep(
            load_sample(["IBM"]),
            grid={"threshold": [0, 1]},
            engine="fused",
            progress=False,
            ledger=None,
            **asked,
        )
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("backend", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_a_missing_extra_is_named(monkeypatch, backend, library):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'onepath\[{backend}\]'") as refusal:
        sweep(
            load_sample(["IBM"]), grid={"threshold": [0, 1]}, engine="fused", progress=False, ledger=None,
            backend=backend,
        )  # fmt: skip
    assert "\n" not in str(refusal.value)


def test_places_are_told_as_runs():
    rng = np.random.default_rng(3)
    for _ in range(50):
        places = np.flatnonzero(rng.random(200) < rng.random())
        if places.size:
            runs = workers.runs_of(places)
            assert workers.places_of(runs).tolist() == places.tolist()
            assert np.all(runs[1:, 0] > runs[:-1].sum(axis=1)), "runs that touch are one"


def test_a_worker_finds_what_this_process_finds(swept):
    workers.seat("a", workers.packed(swept.study), 1)
    places = swept.grid.index[3:17]
    done = workers.work("a", workers.runs_of(places))
    assert workers.seated("a")
    workers.leave("a")
    assert not workers.seated("a")
    np.testing.assert_array_equal(done.figures[3][:, 0], swept.metrics["sharpe_ratio"][3:17].to_numpy())


def test_a_worker_with_other_kernels_is_refused(swept, monkeypatch):
    bench = workers.packed(swept.study)
    monkeypatch.setattr(workers, "kernel_hash", lambda: "0" * 16)
    with pytest.raises(
        SnapshotMismatch, match="had 0000000000000000; install the same onepath on all machines"
    ):
        workers.seat("b", bench, 1)


@pytest.mark.parametrize(("given", "jobs", "used"), [(1, None, 1), (3, None, 3), (4, 2, 2), (2, 8, 2)])
def test_a_worker_uses_the_cores_that_it_was_given(swept, monkeypatch, given, jobs, used):
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, count):
            pools.append(count)
            super().__init__(count)

    monkeypatch.setattr(fused, "ThreadPoolExecutor", Pool)
    before = swept.study.executor.jobs
    study = replace(swept.study, request=replace(swept.study.request, jobs=jobs))
    workers.seat("c", workers.packed(study), given)
    done = workers.work("c", workers.runs_of(swept.grid.index[3:17]))
    workers.leave("c")
    assert pools == ([] if used == 1 else [used - 1]), "the calling thread is one of them"
    assert swept.study.executor.jobs == before, "the sweep's own executor is left as it was"
    np.testing.assert_array_equal(done.figures[3][:, 0], swept.metrics["sharpe_ratio"][3:17].to_numpy())


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_sweep_in_this_process_uses_the_cores_that_it_is_told(monkeypatch, jobs, swept):
    pools = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, count):
            pools.append(count)
            super().__init__(count)

    monkeypatch.setattr(fused, "ThreadPoolExecutor", Pool)
    grid = {"threshold": "0:1:0.1", "min_trend": [50, 70]}
    again = sweep(load_sample(["IBM"]), grid=grid, engine="fused", progress=False, ledger=None, jobs=jobs)
    assert set(pools) == ({2} if jobs == 3 else set()), "the calling thread is one of them"
    assert again.metrics.equals(swept.metrics, null_equal=True)


def test_a_worker_that_is_not_told_of_an_end_keeps_the_last_benches(swept):
    bench = workers.packed(swept.study)
    for token in "efgh":
        workers.seat(token, bench, 1)
    workers.leave_all_but(2)
    assert [workers.seated(token) for token in "efgh"] == [False, False, True, True]
    workers.leave_all_but(0)
    assert not workers.seated("h")
