"""Where an account's files lie: one folder for each account and mode, which tells no key."""

import platformdirs
import pytest
from pydantic import SecretStr

from live.home import home_of, only_one
from live.keys import Access
from research.errors import BadValue, OutputError


def access(key="AKCANARY0001", *, live=False):
    return Access(SecretStr(key), SecretStr("secret"), live, "https://trading", "https://data")


def test_it_is_named_after_mode_and_a_hash_of_the_key(monkeypatch, tmp_path):
    monkeypatch.setenv("ONEPATH_HOME", str(tmp_path))
    # The first twelve digits of `printf AKCANARY0001 | sha256sum`.
    assert home_of(access()) == tmp_path / "accounts" / "paper-e4563722599e"
    assert home_of(access(live=True)) == tmp_path / "accounts" / "live-e4563722599e"
    assert home_of(access("other")) != home_of(access())
    assert home_of(access()).stat().st_mode & 0o077 == 0  # nobody else's to read


def test_a_place_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ONEPATH_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be made"):
        home_of(access())


def test_one_process_at_a_time(tmp_path):
    refused = pytest.raises(BadValue, match="one process may trade an account")
    with only_one(tmp_path), refused, only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be held"), only_one(tmp_path / "file"):
        pass


@pytest.mark.parametrize("moved", [None, ""])
def test_by_default_it_is_where_the_system_keeps_state(monkeypatch, tmp_path, moved):
    monkeypatch.delenv("ONEPATH_HOME", raising=False)
    if moved is not None:
        monkeypatch.setenv("ONEPATH_HOME", moved)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    base = platformdirs.user_state_path("onepath", appauthor=False)
    assert home_of(access()).parent == base / "accounts"
