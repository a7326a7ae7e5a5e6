"""`python -m tests.fake_alpaca` and its control port."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fake_alpaca.__main__ import main
from tests.fake_alpaca.control import Control
from tests.fake_alpaca.worlds import at, daily, placed

ROOT = Path(__file__).parents[2]


@pytest.fixture
def control(fake):
    """Return a function that asks the control port."""
    port = Control(fake)

    def ask(method, path, **said):
        return requests.request(method, port.url + path, json=said, timeout=5)

    yield ask
    port.close()


def test_the_control_port_moves_the_clock_and_the_price(fake, control):
    resting = placed(fake, type="limit", limit_price=95, time_in_force="gtc")
    assert control("POST", "/advance", to="2026-03-02T15:00:00+00:00").json()["is_open"] is True
    assert control("POST", "/advance", seconds=60).json()["now"] == "2026-03-02T15:01:00Z"
    assert control("POST", "/price", symbol="AAA", price=94.5).json()["positions"] == {"AAA": 10.0}
    assert resting.filled_value == 945.0
    assert control("POST", "/step", n=2).json()["now"] == "2026-03-03T14:30:00Z"


def test_the_control_port_adds_faults_and_tells_what_came(fake, control):
    assert control("POST", "/fault", where="GET /v2/clock", kind="503", times=0).status_code == 200
    assert requests.get(fake.url + "/v2/clock", timeout=5).status_code == 503
    control("POST", "/faults/clear")
    assert requests.get(fake.url + "/v2/clock", timeout=5).status_code == 401
    assert [row["route"] for row in control("GET", "/log").json()] == ["GET /v2/clock"] * 2
    assert control("POST", "/seed", seed=3).json()["faults_fired"][0][2] == "503"


@pytest.mark.parametrize(
    ("path", "said"),
    [("/fault", {"where": "fill", "kind": "nothing"}), ("/advance", {"to": "2020-01-01"}), ("/nothing", {}),
     ("/price", {"symbol": "ZZZ", "price": 1}), ("/fault", {})],
)  # fmt: skip
def test_the_control_port_refuses_what_means_nothing(control, path, said):
    assert control("POST", path, **said).status_code == 400


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--keys", "abc"], "ID:SECRET"),
        (["--start", "yesterday"], "ISO instant"),
        (["--symbols", "ZZZ"], "unknown symbol"),
        (["--faults", "none.json"], "cannot be read"),
        (["--bars", "none.csv"], "none.csv"),
        (["--clock", "fast"], "--clock"),
    ],
)
def test_misuse_is_one_line_and_status_2(capsys, arguments, words):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), words in said) == (1, True)


@pytest.mark.parametrize("script", ["{", "{}", '[{"where": "fill", "kind": "nothing"}]', '[{"kind": "500"}]'])
def test_a_script_that_means_nothing_is_refused(capsys, tmp_path, script):
    (tmp_path / "faults.json").write_text(script)
    assert main(["--symbols", "FB", "--faults", str(tmp_path / "faults.json")]) == 2
    assert "docs/fake_alpaca.md" in capsys.readouterr().err


def test_it_serves_until_the_bars_are_over(capsys, tmp_path):
    daily().write_parquet(tmp_path / "bars.parquet")
    assert main(["--bars", str(tmp_path / "bars.parquet"), "--clock", "instant", "--pause", "0"]) == 0
    assert "the bars are over at 2026-03-06T" in capsys.readouterr().out


def test_a_client_of_another_process_trades_and_ctrl_c_ends_it(tmp_path):
    daily().write_parquet(tmp_path / "bars.parquet")
    (tmp_path / "faults.json").write_text(json.dumps([{"where": "GET /v2/clock", "kind": "500"}]))
    command = [sys.executable, "-m", "tests.fake_alpaca", "--bars", str(tmp_path / "bars.parquet")]
    command += ["--start", at(0, "08:00").isoformat(), "--clock", "stepped", "--keys", "id:word"]
    command += ["--faults", str(tmp_path / "faults.json")]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(5)]
        url, control = (re.findall(r"http://\S+", "".join(lines))[i] for i in (0, 1))
        keys = {"APCA-API-KEY-ID": "id", "APCA-API-SECRET-KEY": "word"}
        clock = [requests.get(url + "/v2/clock", headers=keys, timeout=5).status_code for _ in range(2)]
        assert clock == [500, 200]
        order: dict[str, Any] = {"symbol": "AAA", "qty": 1, "side": "buy"}
        order |= {"type": "market", "time_in_force": "opg"}
        made = requests.post(url + "/v2/orders", json=order, headers=keys, timeout=5).json()
        assert made["status"] == "accepted"
        moved = requests.post(control + "/advance", json={"to": at(0).isoformat()}, timeout=5).json()
        assert moved["positions"] == {"AAA": 1.0}
        server.send_signal(signal.SIGINT)
        assert server.wait(20) == 1
        assert server.stderr is not None
        assert "stopped at 2026-03-02T21:00:00+00:00, equity 100001.00" in server.stderr.read()
