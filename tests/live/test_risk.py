"""The door: which checks stand at it, in which order, and that it fails closed whatever it is shown."""

import ast
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import live
from live.risk import CHECKS, Admitted, Blocked, Door
from live.risk_context import Asset, Context, Purpose, Quote, Resting, Rules, Session, Wanted
from research.errors import BadValue
from tests.live.risk_helpers import ENTRY, EXIT, FLATTEN, HOLDING, NOW, PROTECT, RULES, WORLD, D

LIVE = Path(live.__file__).parent
REDUCING = {
    "well formed", "known world", "whole shares", "new id", "duplicate", "order in doubt", "host and mode",
    "kill switch", "account state", "tradable", "session", "opposite order", "reduces only",
    "orders per minute",
}  # fmt: skip


def test_which_checks_stand_where():
    assert set(CHECKS) == set(Purpose)
    assert set(CHECKS[Purpose.PROTECT]) == REDUCING
    assert set(CHECKS[Purpose.EXIT]) == REDUCING | {"price collar"}
    assert set(CHECKS[Purpose.FLATTEN]) == {
        "well formed", "known world", "whole shares", "new id", "host and mode", "reduces only",
    }  # fmt: skip
    assert set(CHECKS[Purpose.ENTER]) == REDUCING - {"reduces only"} | {
        "enters only", "latched limit", "clock skew", "stale bar", "sane price", "price collar",
        "order quantity",
        "order notional", "position notional", "position share", "gross exposure", "positions",
        "buying power",
        "open orders", "orders per day", "daily loss", "drawdown",
    }  # fmt: skip
    assert len(CHECKS[Purpose.ENTER]) == 30


@pytest.mark.parametrize("purpose", Purpose)
def test_the_form_is_asked_first_and_losses_last(purpose):
    """A malformed order must not reach sums, and must not latch a limit."""
    names = list(CHECKS[purpose])
    assert names[:2] == ["well formed", "known world"]
    if purpose is Purpose.ENTER:
        assert names[-2:] == ["daily loss", "drawdown"]
        assert names.index("stale bar") < names.index("sane price") < names.index("order notional")


def test_every_check_stands_in_the_documentation():
    text = (LIVE.parent / "docs" / "risk.md").read_text(encoding="utf-8")
    told = {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}
    assert {name for checks in CHECKS.values() for name in checks} <= told


@pytest.mark.parametrize(
    ("wanted", "world"), [(ENTRY, WORLD), (EXIT, HOLDING), (PROTECT, HOLDING), (FLATTEN, HOLDING)]
)
def test_a_sound_order_is_admitted(wanted, world):
    assert Door(RULES).check(wanted, world) == Admitted(wanted)


def test_an_empty_world_admits_nothing():
    empty = Context(NOW, "paper", "paper-api.alpaca.markets", "XX-")
    for wanted in (ENTRY, EXIT, PROTECT, FLATTEN):
        assert isinstance(Door(Rules()).check(wanted, empty), Blocked)


def test_what_is_blocked_says_all():
    said = Door(RULES).check(ENTRY, replace(WORLD, killed=True))
    assert said == Blocked(
        "kill switch", "kill switch must be off", "on", "python -m live.kill --reset", False
    )


STRANGE = ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-1", "0.5", "10", "1e40", "1e-40"]
NUMBERS = st.sampled_from([D(text) for text in STRANGE])
MAYBE = st.none() | NUMBERS
SYMBOL = st.sampled_from(["IBM", "KO", ""])
ORDERS = st.builds(
    Wanted, st.sampled_from(["XX-1", "YY-1",
    ""]), SYMBOL, st.integers(-2, 2), NUMBERS, st.sampled_from(Purpose),
    st.sampled_from(["day", "gtc", "opg", "cls", "moon"]), MAYBE, MAYBE, st.sampled_from(["", "XX-0"]),
)  # fmt: skip
OPEN = st.builds(
    Resting, st.just("XX-0"), SYMBOL, st.integers(-1, 1), NUMBERS, st.sampled_from(Purpose), st.booleans()
)
QUOTES = st.builds(Quote, NUMBERS, st.just(NOW), MAYBE)
ASSETS = st.builds(Asset, st.booleans(), st.booleans(), st.booleans(), st.booleans())
WORLDS = st.builds(
    Context, st.just(NOW), st.sampled_from(["paper", "live",
    ""]), st.just("paper-api.alpaca.markets"), st.just("XX-"),
    MAYBE, MAYBE, MAYBE, MAYBE, NUMBERS, st.just(()), st.booleans(), st.none() | st.just(timedelta(0)),
    st.none() | st.just(Session(True)), st.dictionaries(SYMBOL, NUMBERS, max_size=2),
    st.dictionaries(SYMBOL, QUOTES, max_size=2), st.dictionaries(SYMBOL, ASSETS, max_size=2),
    st.lists(OPEN, max_size=2), st.just(frozenset()), st.just([NOW]), st.just({}), st.booleans(),
)  # fmt: skip


@settings(max_examples=300)
@given(ORDERS, WORLDS)
def test_whatever_it_is_shown_it_answers_and_what_it_admits_is_whole(wanted, world):
    said = Door(RULES).check(wanted, world)
    Door(RULES).standing(world)
    if isinstance(said, Admitted):
        assert wanted.quantity.is_finite()
        assert wanted.quantity > 0
        assert world.mode == "paper"
        if wanted.purpose is Purpose.ENTER:
            assert not world.killed
            assert world.equity is not None
            assert world.equity.is_finite()


@settings(max_examples=200)
@given(st.sampled_from([(ENTRY, WORLD), (EXIT, HOLDING), (PROTECT, HOLDING)]), st.data())
def test_one_thing_of_a_sound_order_made_nonsense(pair, data):
    wanted, world = pair
    name = data.draw(st.sampled_from(["quantity", "limit", "stop"]))
    said = Door(RULES).check(replace(wanted, **{name: data.draw(NUMBERS)}), world)
    assert isinstance(said, Admitted | Blocked)


@pytest.mark.parametrize("name", [f.name for f in fields(Rules)])
def test_a_limit_that_is_none_is_refused(name):
    def ruled(value: Any) -> Any:
        return getattr(replace(RULES, **{name: value}), name)

    kind: Any = type(getattr(RULES, name))
    if kind in {Decimal, int}:
        for bad in (kind(-1), *((D("NaN"), D("Infinity")) if kind is Decimal else ())):
            with pytest.raises(BadValue, match=rf"risk limit `{name}` must be .*≥ 0, was {bad}; set it anew"):
                ruled(bad)
        assert ruled(kind(0)) == 0
    if kind is timedelta:
        with pytest.raises(BadValue, match=rf"risk limit `{name}` must be ≥ 0 s, was -1 day"):
            ruled(timedelta(days=-1))
        assert ruled(timedelta(0)) == timedelta(0)


def test_the_default_hosts_are_the_brokers_own():
    assert Rules().hosts == {
        "paper": frozenset({"paper-api.alpaca.markets"}), "live": frozenset({"api.alpaca.markets"}),
    }  # fmt: skip


def test_nobody_else_admits():
    """Whoever sends asks for an `Admitted`; only the door makes one."""
    for path in sorted(LIVE.glob("*.py")):
        called = {
            n.func.id for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        }  # fmt: skip
        assert ("Admitted" in called) == (path.name == "risk.py"), path.name
