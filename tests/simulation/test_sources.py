"""A sweep's figures follow from the learners' sources too, but only where there is a model."""

import pytest

from research.data import load_sample
from research.evidence.ledger import Ledger
from research.kernels.jit import kernel_hash
from research.learning.settings import LearningSettings
from research.simulation import sources
from research.simulation.identity import identity
from research.simulation.recording import enter
from research.simulation.sweep import sweep

LEARNING = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "vol_21", "z_20"),
    max_rows=200,
    min_labels=100,
    retrain_every=250,
    importance=False,
    tuning={"lightgbm": {"trees": 4}},
)
CELLS: dict[str, dict[str, object]] = {"ml_driven": {"min_confidence": [0.4]}, "ma_crossover": {"fast": [10]}}


def swept(strategy):
    bars = load_sample(["IBM"]).tail(2100)
    learning = LEARNING if strategy == "ml_driven" else None
    return sweep(
        bars, strategy, CELLS[strategy], learning=learning, engine="fused", progress=False, ledger=None
    )


@pytest.mark.parametrize(("strategy", "new"), [("ml_driven", 1), ("ma_crossover", 0)])
def test_a_changed_learner_is_a_new_trial_of_a_model_and_of_no_rule(strategy, new, tmp_path, monkeypatch):
    ledger, found = Ledger.at(tmp_path / "ledger.sqlite"), swept(strategy)
    assert enter(found, ledger) == (1, 1)
    assert enter(found, ledger) == (1, 0)
    before = identity(found.study)["code"]
    assert before.startswith(kernel_hash())
    monkeypatch.setattr(sources, "hash_of", lambda folder: "0" * 16)
    assert (identity(found.study)["code"] != before) is bool(new)
    assert enter(found, ledger) == (1, new)


def test_the_fingerprint_knows_names_and_bytes_and_no_line_ends(tmp_path):
    def of(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in files.items():
            (folder / f"{name}.py").write_bytes(text)
        (folder / "notes.txt").write_text("no source")
        return sources.hash_of(folder)

    first = of(a=b"x = 1\n", b=b"y = 2\n")
    assert len(first) == 16
    assert of(a=b"x = 1\r\n", b=b"y = 2\n") == first
    others = (
        of(a=b"x = 2\n", b=b"y = 2\n"),
        of(a=b"x = 1\n", c=b"y = 2\n"),
        of(a=b"x = 1\n"),
        of(a=b"x = 1\nb.py 6\ny = 2\n"),
    )
    assert len({first, *others}) == 5


def test_the_learners_own_folder_is_what_is_read():
    assert {"learner.py", "ensemble.py", "forests.py"} <= {
        path.name for path in sources._LEARNING.glob("*.py")
    }
