"""Credentials and opt-ins: live is never a slip, and keys are never seen."""

import itertools
import traceback

import pytest

from live.keys import access, access_to_kill, data_access, limits_told
from research.errors import BadValue, KeysRefused
from tests.live.canary import KEY, SECRET

KEYS = {"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "alpaca.toml"


def write(file, text, mode=0o600):
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("said", list(itertools.product([False, True], repeat=3)))
def test_live_needs_all_three_and_some_are_refused(said, file):
    flag, environment, written = said
    told = KEYS | ({"ONEPATH_LIVE": "yes"} if environment else {})
    write(file, f"live = {str(written).lower()}\n")
    if sum(said) in {1, 2}:
        with pytest.raises(BadValue, match="three agreeing opt-ins, missing: ") as caught:
            access(live=flag, environment=told, file=file)
        missing = str(caught.value).partition("missing: ")[2]
        assert ("--live" in missing) != flag
        assert ("ONEPATH_LIVE" in missing) != environment
        assert ("settings file" in missing) != written
        return
    found = access(live=flag, environment=told, file=file)
    live = all(said)
    assert (found.live, found.prefix) == (live, "LV-" if live else "PP-")
    assert found.trading == ("https://api.alpaca.markets" if live else "https://paper-api.alpaca.markets")


@pytest.mark.parametrize("said", list(itertools.product([False, True], repeat=2)))
def test_data_needs_keys_and_no_opt_in(said, file):
    environment, written = said
    told = KEYS | ({"ONEPATH_LIVE": "yes"} if environment else {})
    write(file, f"live = {str(written).lower()}\n")
    found = data_access(environment=told, file=file)
    assert (found.live, found.prefix, found.data) == (False, "PP-", "https://data.alpaca.markets")
    # Keys of a live account are known to its host alone.
    assert found.trading == (
        "https://api.alpaca.markets" if any(said) else "https://paper-api.alpaca.markets"
    )
    there = data_access(environment=told, file=file, host="http://127.0.0.1:8765")
    assert there.trading == there.data == "http://127.0.0.1:8765"
    with pytest.raises(KeysRefused, match="no API key: set APCA_API_KEY_ID"):
        data_access(environment={}, file=file)


def test_the_environment_comes_before_the_file(file):
    write(file, 'key = "other"\nsecret = "other"\n')
    assert access(environment=KEYS, file=file).key.get_secret_value() == KEY
    assert access(environment={}, file=file).secret.get_secret_value() == "other"


@pytest.mark.parametrize("name", sorted(KEYS))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_is_named(name, value, file):
    told = {k: v for k, v in KEYS.items() if k != name} | ({} if value is None else {name: value})
    with pytest.raises(KeysRefused, match=f"set {name}"):
        access(environment=told, file=file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o660])
def test_a_file_that_others_may_read_is_refused(mode, file):
    write(file, f'key = "{KEY}"\nsecret = "{SECRET}"\n', mode)
    with pytest.raises(KeysRefused, match="chmod 600"):
        access(environment={}, file=file)


@pytest.mark.parametrize(
    "text",
    [f'key = "{KEY}\nsecret = "{SECRET}"', f"{SECRET}", "keys = 1", 'live = "true"', "\udcff"],
)
def test_a_broken_file_is_refused_without_its_text(text, file):
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    file.chmod(0o600)
    with pytest.raises(KeysRefused) as caught:
        access(environment={}, file=file)
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert SECRET not in told


HOSTS = [
    "http://paper-api.alpaca.markets",
    "https://api.alpaca.markets.evil.example",
    "http://127.0.0.1.evil.example",
    "http://user@127.0.0.1:1",
    "ftp://127.0.0.1",
    "127.0.0.1:80",
]


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(host, file):
    with pytest.raises(BadValue, match="a host must be on this machine"):
        access(host=host, environment=KEYS, file=file)


def test_a_host_on_this_machine_is_paper_only(file):
    found = access(host="http://127.0.0.1:8765/", environment=KEYS, file=file)
    assert (found.trading, found.data, found.live) == (
        "http://127.0.0.1:8765",
        "http://127.0.0.1:8765",
        False,
    )
    write(file, "live = true\n")
    with pytest.raises(BadValue, match="live trading has one host"):
        access(live=True, host="http://127.0.0.1:1", environment=KEYS | {"ONEPATH_LIVE": "yes"}, file=file)


@pytest.mark.parametrize("word", ["true", "1", "on", "YES!"])
def test_only_yes_is_yes(word, file):
    with pytest.raises(BadValue, match="ONEPATH_LIVE must be yes or no"):
        access(environment=KEYS | {"ONEPATH_LIVE": word}, file=file)


def test_keys_print_as_stars(file):
    found = access(environment=KEYS, file=file)
    shown = f"{found} {found!r} {vars(found)}"
    assert KEY not in shown
    assert SECRET not in shown


def test_limits_stand_in_the_same_file_and_do_not_hinder_access(file):
    assert limits_told(file) == {}
    write(file, f'key = "{KEY}"\nsecret = "{SECRET}"\n[limits]\norder_notional = 5\nnosuch = "x"\n')
    assert limits_told(file) == {"order_notional": 5, "nosuch": "x"}
    assert access(environment={}, file=file).key.get_secret_value() == KEY
    with pytest.raises(KeysRefused, match="chmod 600"):
        limits_told(write(file, "[limits]\n", 0o644))
    with pytest.raises(BadValue, match=r"`limits` in .* must be a table, was none"):
        limits_told(write(file, "limits = 3\n"))


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("x = 20,000\n", 0o600),
        ("live = true\nx = 1\n", 0o600),
        ("live = true\n", 0o644),
        ('live = "yes"', 0o600),
    ],
)
def test_to_kill_the_commands_word_stands_for_what_cannot_be_read(text, mode, file):
    write(file, text, mode)
    known, fault = access_to_kill(live=True, environment=KEYS | {"ONEPATH_LIVE": "yes"}, file=file)
    assert known is not None
    assert (known.live, known.key.get_secret_value()) == (True, KEY)
    assert str(file) in fault
    with pytest.raises(BadValue, match="missing: ONEPATH_LIVE=yes;"):
        access_to_kill(live=True, environment=KEYS, file=file)
    with pytest.raises(BadValue, match="missing: --live"):
        access_to_kill(environment=KEYS | {"ONEPATH_LIVE": "yes"}, file=file)


def test_to_kill_a_word_that_can_be_read_counts(file):
    write(file, "live = true\nx = 1\n")
    with pytest.raises(BadValue, match="missing: --live, ONEPATH_LIVE=yes;"):
        access_to_kill(environment=KEYS, file=file)
    write(file, "live = false\nx = 1\n")
    with pytest.raises(BadValue, match="missing: live = true in the settings file;"):
        access_to_kill(live=True, environment=KEYS | {"ONEPATH_LIVE": "yes"}, file=file)


def test_to_kill_a_sound_file_is_as_ever(file):
    told = KEYS | {"ONEPATH_LIVE": "yes"}
    with pytest.raises(BadValue, match="missing: live = true in the settings file;"):
        access_to_kill(live=True, environment=told, file=file)
    assert access_to_kill(environment=KEYS, file=file) == (access(environment=KEYS, file=file), "")
    known, problem = access_to_kill(environment={}, file=file)
    assert known is None
    assert problem.startswith("no API key: set APCA_API_KEY_ID")
