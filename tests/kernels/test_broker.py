"""Every row of the execution table against answers computed by hand (tests/answers/execution)."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from research.errors import BadValue
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import account_rows as rows
from research.kernels import signals as sg
from research.kernels.account import new_account
from research.kernels.broker import decide_nb
from tests.kernels.broker_cases import Bars, everything, run, same_bits

ANSWERS = Path(__file__).parents[1] / "answers" / "execution"
CASES = [
    pytest.param(case, path.stem, id=f"{path.stem}: {case['name']}")
    for path in sorted(ANSWERS.glob("*.toml"))
    for case in tomllib.loads(path.read_text())["case"]
]
CODES = {name: code for code, name in ac.GATE_NAMES.items()}


def bars_of(case):
    per_symbol = (
        case["bars"] if not case["bars"][0] or isinstance(case["bars"][0][0], list) else [case["bars"]]
    )
    prices = np.array([[bar or [np.nan] * 4 for bar in bars] for bars in per_symbol], dtype=float)
    n, t = prices.shape[:2]
    split, dividend = np.ones((n, t)), np.zeros((n, t))
    split[0], dividend[0] = case.get("split", 1.0), case.get("dividend", 0.0)
    open_, high, low, close = (np.ascontiguousarray(prices[:, :, j]) for j in range(4))
    return Bars(open_, high, low, close, split, dividend)


def signals_of(case, shape):
    out = np.full((sg.N_SIGNALS, *shape), np.nan)
    out[sg.ENTRY] = out[sg.EXIT] = out[sg.GATE] = 0.0
    for wanted in case["signals"]:
        for name, value in wanted.items():
            if name not in ("bar", "symbol"):
                out[sg.SIGNAL_NAMES.index(name), wanted.get("symbol", 0), wanted["bar"]] = value
    return out


@pytest.mark.parametrize(("case", "file"), CASES)
def test_answer(case, file):
    bars = bars_of(case)
    execution = Execution(
        slippage=case.get("slippage", 0.01),
        commission=case.get("commission", 0.002),
        fractional=case.get("fractional", False),
        allow_short=case.get("allow_short", file == "short"),
        dividends=case.get("dividends", True),
    )
    got = run(bars, signals_of(case, bars.close.shape), execution, trade_from=case.get("trade_from", 0))

    orders = [[*row[:6], ac.REASON_NAMES[int(row[6])], row[8]] for row in got.orders]
    assert len(orders) == len(case["orders"]), orders
    for order, expected in zip(orders, case["orders"], strict=True):
        assert order[6] == expected[6]
        assert [*order[:6], order[7]] == pytest.approx([*expected[:6], expected[7]], rel=1e-12)
    assert got.cash[-1] == pytest.approx(case["cash"], rel=1e-12, abs=1e-9)
    if "equity" in case:
        assert got.equity == pytest.approx(case["equity"], rel=1e-12)
    assert got.orders[:, ac.O_AMBIGUOUS].tolist() == case.get("ambiguous", [0.0] * len(orders))
    asked = case.get("asked", [order[3] for order in case["orders"]])
    assert got.orders[:, ac.O_ASKED].tolist() == asked
    cut = [order for order, wanted in zip(case["orders"], asked, strict=True) if order[3] != wanted]
    assert got.account.totals[ac.A_CUT] == len(cut)
    gates = np.zeros(bars.close.shape)
    for k, t, gate in case.get("gates", []):
        gates[k, t] = CODES.get(gate, gate)
    assert got.gates.tolist() == gates.tolist()
    lapsed = np.zeros(bars.close.shape)
    for k, t, gate in case.get("lapsed", []):
        lapsed[k, t] = CODES[gate]
    assert got.intents[:, :, ac.I_LAPSED].tolist() == lapsed.tolist()


def test_answers_cover_every_reason_long_and_short():
    for file in ("long", "short"):
        answers = tomllib.loads((ANSWERS / f"{file}.toml").read_text())["case"]
        assert {order[6] for case in answers for order in case["orders"]} == set(ac.REASON_NAMES[1:])


def test_intent_says_quantity_reason_and_protection():
    case = {
        "bars": [[100, 100, 100, 100], [100, 110, 98, 108], [108, 109, 100, 107], [107, 108, 106, 107]],
        "signals": [
            {"bar": 0, "entry": 1, "weight": 0.5, "stop": 0.05, "target": 0.2, "trail": 0.1, "limit": 9},
            {"bar": 2, "exit": 1},
        ],
    }
    bars = bars_of(case)
    got = run(bars, signals_of(case, bars.close.shape), Execution(slippage=0.01, commission=0.002))
    entry, held, leave, flat = got.intents[0]
    assert entry[[ac.I_SIDE, ac.I_QTY, ac.I_REASON, ac.I_HELD]].tolist() == [1, 50, ac.ENTERED, 0]
    assert entry[[ac.I_STOP, ac.I_TARGET, ac.I_TRAIL, ac.I_LIMIT]].tolist() == [0.05, 0.2, 0.1, 9]
    # Fill 101; trail from the high of bar 1: 110 × 0.9 = 99 is above the stop at 95.95; target 101 × 1.2.
    assert held[[ac.I_SIDE, ac.I_HELD]].tolist() == [0, 50]
    assert held[[ac.I_PROTECT, ac.I_GOAL]] == pytest.approx([99.0, 121.2])
    assert leave[[ac.I_SIDE, ac.I_QTY, ac.I_REASON, ac.I_HELD]].tolist() == [-1, 50, ac.SIGNAL, 50]
    assert flat[[ac.I_SIDE, ac.I_HELD]].tolist() == [0, 0]
    assert np.isnan(flat[[ac.I_PROTECT, ac.I_GOAL, ac.I_STOP]]).all()


def test_deciding_alone_decides_what_the_scan_decides():
    """An account whose fills somebody else reports takes the same decisions."""
    bars, signals = everything(3, 200, 5)
    execution = Execution(allow_short=True)
    whole = run(bars, signals, execution, trade_from=20)
    account = new_account(3, 10_000.0)
    for t in range(200):
        after = run(
            bars[t : t + 1], signals[:, :, t : t + 1], execution, account=account, trade_from=20
        ).account
        # The same account before its decision at this close: filled, with nothing decided.
        silent = np.full((sg.N_SIGNALS, 3, 1), np.nan)
        filled = run(bars[t : t + 1], silent, execution, account=account).account
        intents, gates = np.empty((3, 1, ac.N_INTENT)), np.empty((3, 1))
        decide_nb(
            filled, bars[t : t + 1].close, np.ascontiguousarray(signals[:, :, t : t + 1]), 0,
            execution.as_array(), t >= 20, intents, gates,
        )  # fmt: skip
        assert same_bits(intents[:, 0], whole.intents[:, t])
        assert same_bits(gates[:, 0], whole.gates[:, t])
        account = after


@pytest.mark.parametrize(
    ("prefix", "row"),
    [("A", rows.TOTALS), ("P", rows.POSITION), ("Q", rows.PENDING), ("O", rows.ORDER), ("I", rows.INTENT)],
)
def test_records_and_constants_name_the_same_columns(prefix, row):
    constants = {name[2:].lower(): value for name, value in vars(ac).items() if name.startswith(f"{prefix}_")}
    assert constants == {name: i for i, name in enumerate(row.names)}


@pytest.mark.parametrize("name", ["slippage", "commission"])
@pytest.mark.parametrize("value", [-0.001, 1.0, float("nan"), "5bp"])
def test_costs_are_fractions(name, value):
    with pytest.raises(BadValue, match=f"`{name}` must be a fraction"):
        Execution(**{name: value})
