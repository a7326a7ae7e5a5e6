"""Backends asked wrongly; what they find is held to the local sweep in tests/studies/test_distributed.py."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue, MissingExtra, SnapshotMismatch, UnknownName
from research.simulation import workers
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


def test_a_ray_address_where_nobody_listens_is_refused_at_once():
    words = [sys.executable, "-c", _NOBODY]
    told = subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert told.stdout.startswith("no ray cluster at '127.0.0.1:9' (Connection refused); start one with")


_NOBODY = """
from research.errors import BadValue
from research.simulation.on_ray import cluster
try:
    cluster(None, "127.0.0.1:9", None).__enter__()
except BadValue as refusal:
    print(refusal)
"""


def test_places_are_told_as_runs():
    rng = np.random.default_rng(3)
    for _ in range(50):
        places = np.flatnonzero(rng.random(200) < rng.random())
        if places.size:
            runs = workers.runs_of(places)
            assert workers.places_of(runs).tolist() == places.tolist()
            assert np.all(runs[1:, 0] > runs[:-1].sum(axis=1)), "runs that touch are one"


def test_a_worker_finds_what_this_process_finds(swept):
    workers.seat("a", workers.packed(swept.study))
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
        workers.seat("b", bench)
