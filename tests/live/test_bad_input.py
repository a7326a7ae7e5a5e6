"""Bad input at `python -m live.runner`: one line, status 2, no order; each kind that was agreed on."""

import json
import shutil
from dataclasses import replace

import polars as pl
import pytest

from live.cli import NAME, app
from research.data import load_sample
from research.execution import Execution
from research.learning.artifact import promote, write_version
from research.saved import read_models
from research.training import train
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, SECRET
from tests.live.helpers import change, query
from tests.test_training import TRAINING

SYMBOLS = ["AAPL", "IBM"]


@pytest.fixture(scope="module")
def bars():
    return load_sample(SYMBOLS).filter(pl.col("bar_close").dt.year() < 2003)


@pytest.fixture
def fake(bars):
    until = bars.filter(pl.col("bar_close").dt.date() <= pl.date(2002, 11, 29))
    start = str(until["bar_close"].max())
    with FakeAlpaca(until, start=start, settings=Settings(keys={KEY: SECRET})) as server:
        yield server


@pytest.fixture
def runner(commanded):
    return commanded(app, NAME)


@pytest.fixture
def paper(runner, fake):
    """The same on paper at the fake, of a run that is well but for the words that are added."""
    words = ["--paper", "--host", fake.url, "--once", "--symbols", "AAPL,IBM", "--history", "2000-01-04"]
    return lambda *more: runner(*words, *more)


def refused(fake, told, *said):
    """Hold an answer to the rule."""
    status, out, err = told
    assert (status, out, len(err)) == (2, [], 1), told
    for words in said:
        assert words in err[0]
    assert fake.log.of("POST /v2/orders") == []


CROSSOVER = ["--strategy", "ma_crossover"]


# --- keys, opt-ins, hosts ----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "what"), [("APCA_API_KEY_ID", "key"), ("APCA_API_SECRET_KEY", "secret")])
@pytest.mark.parametrize("value", [None, " "], ids=["not set", "blank"])
def test_missing_keys(fake, paper, monkeypatch, name, what, value):
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    refused(fake, paper(*CROSSOVER), f"no API {what}: set {name}, or `{what}` in ")
    assert fake.log.count("* *") == 0


def test_wrong_keys(fake, paper, monkeypatch):
    monkeypatch.setenv("APCA_API_SECRET_KEY", "of-somebody-else")
    refused(fake, paper(*CROSSOVER), "does not take these credentials")


def settings_said(tmp_path, monkeypatch, text):
    file = tmp_path / "config" / "onepath" / "alpaca.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    file.chmod(0o600)


@pytest.mark.parametrize("command", [True, False], ids=["--live", "--paper"])
@pytest.mark.parametrize("environment", [True, False], ids=["yes", "unset"])
@pytest.mark.parametrize("file", [True, False], ids=["true", "absent"])
def test_live_without_all_opt_ins(fake, runner, tmp_path, monkeypatch, command, environment, file):
    if environment:
        monkeypatch.setenv("ONEPATH_LIVE", "yes")
    if file:
        settings_said(tmp_path, monkeypatch, "live = true\n")
    # With none of them it is paper, and with all of them it is live, which has no host but its own.
    words = ["--live" if command else "--paper", *CROSSOVER, "--symbols", "IBM", "--once"]
    told = runner(*words, "--host", fake.url if command or environment or file else "http://10.0.0.1:80")
    given = {"--live": command, "ONEPATH_LIVE=yes": environment, "live = true": file}
    if all(given.values()):
        refused(fake, told, "live trading has one host, https://api.alpaca.markets, was ")
    elif any(given.values()):
        refused(fake, told, "live trading needs three agreeing opt-ins, missing: ")
        missing = told[2][0].partition("missing: ")[2]
        assert {name for name in given if name in missing} == {name for name in given if not given[name]}
    else:
        refused(fake, told, "a host must be on this machine")
    assert fake.log.count("* *") == 0


@pytest.mark.parametrize(
    "host",
    ["https://paper-api.alpaca.markets.evil.example", "http://192.168.0.7:8765", "ftp://127.0.0.1",
     "localhost", "http://key@127.0.0.1:8765"],
)  # fmt: skip
def test_a_host_that_is_not_allow_listed(fake, runner, host):
    words = ["--paper", *CROSSOVER, "--symbols", "IBM", "--once"]
    refused(fake, runner(*words, "--host", host), "a host must be on this machine", repr(host))


# --- orders that an account never takes --------------------------------------------------------


@pytest.mark.parametrize("more", [
    ["adaptive_momentum"], ["ma_crossover"], ["ma_crossover", "--timeframe", "5Min"],
    ["ma_crossover", *(f"--param={name}=0" for name in ("stop", "target", "trail"))],
])  # fmt: skip
def test_a_fractional_quantity_with_resting_stops_or_without(fake, paper, more):
    said = "`fractional` must be off at an account, was on: ", "; leave --fractional out, or use --replay"
    refused(fake, paper("--strategy", *more, "--fractional"), *said)


# --- models ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(bars, tmp_path_factory):
    """A model of these symbols, two months old, that reckons without a commission."""
    place = tmp_path_factory.mktemp("models") / "its"
    train(replace(TRAINING, end="2002-09-30", execution=Execution(commission=0.0)), bars, place)
    return place


@pytest.fixture
def model(trained, tmp_path):
    """Return a function: what to change in the facts, or nothing, to the folder of a sound artifact."""

    def make(alter=lambda facts: None):
        saved = read_models(trained, {})
        facts = json.loads(json.dumps(saved.facts))
        alter(facts)
        place = tmp_path / "model"
        promote(place, write_version(place, saved.files, facts))
        return place

    return make


MODEL = ["--strategy", "mean_reversion_ml", "--param", "entry=0.8", "--model"]


def test_a_model_that_fits_begins(paper, model):
    status, out, err = paper(*MODEL, str(model()))
    assert (status, err) == (0, [])
    assert "mean_reversion_ml on AAPL, IBM begins after 2002-11-29" in out[0]


FEATURES = ["ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"]


def fitted_to(*names):
    """Let the artifact say that its models were fitted to these; what a run would read is in its settings."""
    return lambda facts: facts.update(features=list(names))


def reading(*names):
    return lambda facts: facts["learner"]["settings"].update(features=list(names))


MISFITS = {
    "a feature nobody computes": (reading(*FEATURES[:-1], "moonlight"), "unknown feature 'moonlight'"),
    "a feature that left": (fitted_to(*FEATURES, "moonlight"), "fitted to 7 features, a run would read 6"),
    "a feature that came": (fitted_to(*FEATURES[:-1]), "fitted to 5 features, a run would read 6"),
    "another feature": (fitted_to("ret_1", *FEATURES[1:]), "number 1 was ret_1, is ret_5"),
    "another order": (fitted_to(*reversed(FEATURES)), "number 1 was dist_sma_20, is ret_5"),
    "other settings": (reading("ret_1", *FEATURES[1:]), "number 1 was ret_5, is ret_1"),
    "other kernels": (lambda facts: facts.update(kernels="0123456789abcdef"), "kernels"),
    "another strategy": (lambda facts: facts.update(strategy="ml_driven"), "strategy"),
    "other symbols": (lambda facts: facts.update(symbols=["AAPL", "KO"]), "symbols"),
}


@pytest.mark.parametrize("what", MISFITS)
def test_a_model_that_does_not_fit_the_features(fake, paper, model, what):
    alter, said = MISFITS[what]
    refused(fake, paper(*MODEL, str(model(alter))), said)


def test_a_model_that_is_damaged_or_none(fake, paper, model, tmp_path):
    refused(fake, paper(*MODEL, str(tmp_path / "nowhere")))
    place = model()
    (file,) = place.rglob("bars.state")
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1])
    refused(fake, paper(*MODEL, str(place)))


# --- journals ----------------------------------------------------------------------------------


@pytest.fixture
def begun(paper, fake, tmp_path):
    """The journal of a run that has begun."""
    path = tmp_path / "run.sqlite"
    status, _, err = paper(*CROSSOVER, "--journal", str(path))
    assert (status, err) == (0, [])
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    return path


def test_the_journal_itself_goes_on(paper, begun):
    status, out, _ = paper(*CROSSOVER, "--journal", str(begun))
    assert status == 0
    assert "goes on after" in out[0]


def test_a_journal_of_another_account(fake, paper, begun):
    other = """UPDATE meta SET value = json_set(value, '$.account', 'paper-0123456789ab')
        WHERE key = 'settings'"""
    change(begun, other)
    told = paper(*CROSSOVER, "--journal", str(begun))
    refused(fake, told, "was made with account paper-0123456789ab, this run has paper-")


def test_a_newer_journal(fake, paper, begun):
    change(begun, "PRAGMA user_version = 99")
    before = begun.read_bytes()
    told = paper(*CROSSOVER, "--journal", str(begun))
    refused(fake, told, "must have schema version ", "was 99; use the onepath that made it")
    assert begun.read_bytes() == before


def test_a_journal_of_another_program(fake, paper, begun, tmp_path):
    other = tmp_path / "other.sqlite"
    shutil.copy(begun, other)
    change(other, "PRAGMA application_id = 7")
    refused(fake, paper(*CROSSOVER, "--journal", str(other)), "is a database of another program")
