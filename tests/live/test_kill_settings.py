"""The kill switch and a slip in the settings file: latched and cancelled wherever the keys are known."""

import pytest

from live.home import home_of
from live.limits import KILL, Limits
from tests.live.canary import KEY, SECRET
from tests.live.killing_helpers import access_to, open_ids, ours

pytestmark = pytest.mark.usefixtures("paper_keys")

SLIPS = {
    "no TOML": ("[limits]\norder_notional = 20,000\n", 0o600),
    "a limit above [limits]": ("order_notional = 20_000\n[limits]\n", 0o600),
    "others may read it": ("[limits]\norder_notional = 20_000\n", 0o644),
    "live in quotes": ('live = "yes"\n', 0o600),
}
IN_FILE = f'key = "{KEY}"\nsecret = "{SECRET}"\n'


@pytest.fixture
def settings(monkeypatch, tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "alpaca.toml"
        path.write_text(text)
        path.chmod(mode)
        monkeypatch.setattr("live.keys.settings_file", lambda: path)
        return path

    return write


def latched(home):
    with Limits.at(home / "limits.sqlite") as limits:
        return set(limits.latched()), limits.is_winding()


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_and_keeps_nobody_from_it(kill, fake, settings, slip):
    ours(fake)
    path = settings(*SLIPS[slip])
    status, lines, err = kill()
    assert (status, err) == (0, "")
    assert lines[0] == f"account   paper, at {fake.url}"
    assert lines[1].startswith("settings  ")
    assert str(path) in lines[1]
    assert lines[1].endswith("; the kill switch goes on")
    assert lines[-1] == "confirmed no order of ours is open"
    assert latched(home_of(access_to(fake))) == ({KILL}, True)
    assert open_ids(fake) == []


@pytest.mark.parametrize("slip", ["a limit above [limits]", "others may read it", "live in quotes"])
def test_keys_of_a_file_with_a_slip_are_known(kill, fake, settings, monkeypatch, slip):
    monkeypatch.delenv("APCA_API_KEY_ID")
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    ours(fake)
    text, mode = SLIPS[slip]
    settings(IN_FILE + text, mode)
    assert kill()[0] == 0
    assert latched(home_of(access_to(fake))) == ({KILL}, True)
    assert open_ids(fake) == []


@pytest.mark.parametrize(
    ("text", "mode"), [(IN_FILE + "order_notional = 20,000\n", 0o600), (IN_FILE, 0o622), ("", 0o600)]
)
def test_without_keys_every_account_of_the_mode_is_latched(
    kill, fake, settings, monkeypatch, tmp_path, text, mode
):
    accounts = tmp_path / "state" / "accounts"
    for name in ("paper-0123456789ab", "paper-ba9876543210", "live-0123456789ab", "keys"):
        (accounts / name).mkdir(parents=True)
    ours(fake)
    before = len(fake.log.calls)
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    path = settings(text, mode)
    status, lines, err = kill("--why", "prices look wrong")
    assert status == 2
    assert "set APCA_API_SECRET_KEY" in err
    assert str(path) in err
    assert err.count("\n") == 1
    assert [line.split()[0] for line in lines] == ["account", "latched", "account", "latched", "NOT"]
    assert lines[-1].startswith("NOT       cancelled: without keys")
    # Not wound down: nobody cancels protection here, and a runner may put it back.
    assert latched(accounts / "paper-0123456789ab") == latched(accounts / "paper-ba9876543210")
    assert latched(accounts / "paper-0123456789ab") == ({KILL}, False)
    assert list((accounts / "live-0123456789ab").iterdir()) == list((accounts / "keys").iterdir()) == []
    assert len(fake.log.calls) == before
    assert open_ids(fake) == ["PP-1"]


def test_without_keys_and_folders_it_says_that_nothing_was_done(kill, fake, monkeypatch, tmp_path):
    monkeypatch.delenv("APCA_API_KEY_ID")
    status, lines, _ = kill()
    assert (status, [line.split()[0] for line in lines]) == (2, ["NOT", "NOT"])
    assert lines[0] == "NOT       latched: no paper account has a folder here"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "accounts").write_text("a file where the folder should be")
    status, lines, _ = kill()
    assert (status, [line.split()[0] for line in lines]) == (2, ["NOT", "NOT"])
    assert "cannot be read" in lines[0]


def test_a_slip_unlatches_nothing(kill, fake, settings):
    settings("order_notional = 20,000\n")
    kill()
    status, lines, err = kill("--reset", "kill switch", "--why", "all is well")
    assert (status, lines) == (2, [])
    assert "is no TOML" in err
    assert latched(home_of(access_to(fake))) == ({KILL}, True)
