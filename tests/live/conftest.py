"""What tests of the live side share: a command line in a home of its own, the kill switch, keys."""

import pytest

from live.kill import app as kill_app
from research.console import run
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.worlds import at, daily, week
from tests.live.canary import NAMES, SECRET


@pytest.fixture
def paper_keys(monkeypatch, tmp_path):
    """Let a command find the keys of a paper account, an empty place for its folder, and no settings file."""
    for name, value in {**NAMES, "ONEPATH_HOME": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("ONEPATH_LIVE", raising=False)


@pytest.fixture
def commanded(paper_keys, capsys):
    """Return a function: an app and its name to one of words: status, lines of stdout, lines of stderr."""

    def of(app, name):
        def ask(*words):
            status = run(app, list(words), name=name)
            out, err = capsys.readouterr()
            return status, out.splitlines(), err.splitlines()

        return ask

    return of


@pytest.fixture
def fake():
    """Monday, half an hour into the session; many a module has a market of its own."""
    with FakeAlpaca(daily(), start=at(0, "10:00"), calendar=week()) as server:
        yield server


@pytest.fixture
def kill(fake, paper_keys, capsys):
    """Return `live.kill` at the fake as a function: words to status, lines of stdout, and stderr."""

    def ask(*words):
        status = run(kill_app, ["--host", fake.url, *words], name="kill")
        out, err = capsys.readouterr()
        assert SECRET not in out + err
        return status, out.splitlines(), err

    return ask
