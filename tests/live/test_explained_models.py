"""A journal that began with a trained model: agreed with by that model, and not by another one."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from live.causes import Kind
from live.explained import explain
from live.journalled import journalled
from live.parity import NAME, app, opened
from research.console import run
from research.data import load_sample
from research.saved import read_models
from research.training import train
from tests.live.helpers import replayed
from tests.test_training import TRAINING

BARS = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() < 2006)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The journal's model, one of the same day that was fitted otherwise, and one of an earlier day."""
    assert TRAINING.learning is not None
    other = replace(TRAINING.learning, tuning={"lightgbm": {"trees": 9}}, seed=3)
    earlier = replace(TRAINING, end="2005-05-31")
    asked = {"its": TRAINING, "other": replace(TRAINING, learning=other), "earlier": earlier}
    place = tmp_path_factory.mktemp("models")
    for name, request in asked.items():
        train(request, BARS, place / name)
    return place


@pytest.fixture(scope="module")
def path(models, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.sqlite"
    asked = replace(TRAINING, end="2005-09-30", learning=None, model=models / "its")
    replayed(path, asked, bars=BARS)
    return path


def held_against(path: Path, folder: Path):
    book = opened(path)
    said = journalled(book)
    book.close()
    return said, explain(said, BARS, trained=read_models(folder, {}))


def test_its_own_model_agrees(path, models):
    said, explained = held_against(path, models / "its")
    assert str(said.trained)[:10] == "2005-06-30"
    assert (explained.different, explained.found) == (0, ())


def test_another_model_is_named(path, models):
    """Of the same day and so of the same name, but fitted otherwise."""
    _, explained = held_against(path, models / "other")
    (found,) = explained.found
    assert found.cause.kind is Kind.MODEL
    assert "(of the same name, saying something else)" in found.cause.text
    assert found.decisions == explained.different > 10


def test_an_earlier_model_that_went_on_learning_is_told_and_blamed_for_nothing(path, models):
    """Training to the end of May and going on is training to the end of June (the chunk law)."""
    _, explained = held_against(path, models / "earlier")
    (found,) = explained.found
    assert (
        found.cause.text
        == "the journal began with a model trained to 2005-06-30, given is trained to 2005-05-31"
    )
    assert (found.decisions, explained.different) == (0, 0)


def test_the_command_asks_for_the_model_and_takes_it(path, models, tmp_path, capsys):
    words = ["--journal", str(path), "--exchange", "XNYS"]
    assert run(app, words, name=NAME) == 2
    assert "began with a model trained to 2005-06-30; name its folder with --model" in capsys.readouterr().err
    assert run(app, [*words, "--model", str(models / "its")], name=NAME) == 0
    late = tmp_path / "late"
    train(replace(TRAINING, end="2005-07-29"), BARS, late)
    assert run(app, [*words, "--model", str(late)], name=NAME) == 2
    assert "must not have seen the journal's bars" in capsys.readouterr().err
