"""Where a run stands: decisions, orders, positions and their protection, limits used."""

from datetime import timedelta
from decimal import Decimal

import pytest

from live.allowed import text_of_rules
from live.limits import KILL, Latch, Limits, Marks
from live.protection import Protection
from live.reading import Reading
from live.risk_context import Rules
from live.standing import standing_of
from live.tracks import utc_text
from live.usage import clock_of, equity_of, latches_of, marks_of, rules_of, usage_of
from tests.live.status_helpers import LAST, NOW, bar, begin, change, healthy, oco, tracked, write

D = Decimal
DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def standing(path, *, replay=False):
    with Reading.journal(path) as journal:
        return standing_of(journal, replay=replay)


def test_an_empty_run_stands_nowhere(path):
    found = standing(begin(path))
    assert (found.decisions, found.orders, found.positions, found.sent) == ((), (), (), ())
    assert (found.last_bar, found.equity) == (None, None)


def test_the_last_decision_of_each_symbol_even_of_one_whose_bars_ended(path):
    begin(path)
    bar(path, 0, LAST - DAY, AAA={"gate": "score"}, BBB={"gate": "cash"}, CCC={})
    bar(path, 1, LAST, 99_000.5, AAA={"held": 5.0}, CCC={"intent": -3.0, "reason": "signal"})
    found = standing(path)
    assert [(d.symbol, d.text) for d in found.decisions] == [
        ("AAA", "hold"),
        ("BBB", "blocked: cash"),
        ("CCC", "signal -3"),
    ]
    assert [d.bar_close for d in found.decisions] == [LAST, LAST - DAY, LAST]
    assert (found.last_bar, found.equity) == (LAST, D("99000.5"))
    bar(path, 2, LAST + DAY, BBB={})
    assert standing(path).decisions[1].text == "no entry wanted"


def test_open_orders_are_those_that_may_still_fill(path):
    healthy(path)
    for state in ("new", "filled", "cancelled", "expired", "rejected", "replaced", "refused"):
        tracked(path, f"PP-{state}", state=state)
    tracked(path, "PP-part", "BBB", state="partial", filled="4", quantity="10")
    tracked(path, "PP-doubt", "BBB", state="unknown")
    tracked(path, "PP-odd", "BBB", state="moonlit", fields="no json", quantity="many", sent_at="then")
    found = {o.client_id: o for o in standing(path).orders}
    assert set(found) == {"PP-oco", "PP-oco-leg", "PP-part", "PP-doubt", "PP-odd"}
    assert found["PP-part"].remaining == 6
    assert {name for name, o in found.items() if o.in_doubt} == {"PP-doubt", "PP-odd"}
    assert (found["PP-oco"].stop, found["PP-oco"].target, found["PP-oco"].leg) == (95, 120, False)
    assert (found["PP-oco-leg"].stop, found["PP-oco-leg"].leg) == (95, True)
    assert (found["PP-odd"].quantity, found["PP-odd"].sent_at, found["PP-odd"].stop) == (0, None, None)


def test_what_was_sent_leaves_out_legs_and_what_never_was(path):
    healthy(path)
    tracked(path, "PP-new", state="new")
    tracked(path, "PP-list", fields="[1]", sent_at=NOW)
    assert sorted(purpose for _, _, _, purpose in standing(path).sent) == ["enter", "enter", "protect"]


def test_a_protected_position(path):
    (position,) = standing(healthy(path)).positions
    assert (position.symbol, position.quantity, position.average, position.price) == (
        "AAA",
        10,
        D("100.5"),
        104,
    )
    assert position.resting == position.want == Protection("AAA", -1, D(10), D("95"), D("120"))
    assert position.fault == ""


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM tracked WHERE purpose = 'protect'", "nothing rests at the broker"),
        ("UPDATE tracked SET quantity = '7' WHERE client_id = 'PP-oco'", "7 of 10 shares protected"),
        (
            "UPDATE tracked SET fields = '{\"limit_price\": \"120\"}' WHERE client_id = 'PP-oco'",
            "no stop rests",
        ),
        ("UPDATE decisions SET stop_level = 97.0 WHERE bar = 1", "stop rests at 95, wanted at 97.00"),
        ("UPDATE decisions SET stop_level = 93.0 WHERE bar = 1", ""),  # never loosened
        ("UPDATE decisions SET stop_level = NULL WHERE bar = 1", ""),
        ("UPDATE decisions SET stop_level = NULL, target_level = NULL WHERE bar = 1", ""),
        ("UPDATE decisions SET stop_level = -1 WHERE bar = 1", ""),  # out of any price's reach
        ("UPDATE decisions SET target_level = -1 WHERE bar = 1", "target of AAA must be a price > 0"),
        ("UPDATE decisions SET position = 0 WHERE bar = 1", ""),  # entered since: not known before the bar
        ("DELETE FROM decisions", ""),
    ],
)
def test_what_is_wrong_with_protection(path, statement, fault):
    healthy(path)
    change(path, statement)
    (position,) = standing(path).positions
    assert position.fault.startswith(fault)
    assert bool(position.fault) == bool(fault)


def test_a_short_position_is_protected_from_above(path):
    begin(path, symbols=("AAA",))
    bar(path, 0, LAST, AAA={"held": -10.0, "stop": 110.0})
    write(path, "holdings", ("AAA", "-10", "odd"))
    tracked(path, "PP-stop", side=1, purpose="protect", fields={"type": "stop", "stop_price": "112"})
    (position,) = standing(path).positions
    assert (position.average, position.want.side) == (None, 1)
    assert position.fault == "stop rests at 112, wanted at 110.00"


def test_a_replays_account_is_the_engines(path):
    begin(path, mode="replay", symbols=("AAA", "BBB"))
    bar(path, 0, LAST, AAA={"held": 5.0, "stop": 95.0, "target": 120.0}, BBB={"held": 2.0})
    rows = [
        ("BT-e", "AAA", "entry", "filled", None),
        ("BT-s", "AAA", "stop", "working", 95.0),
        ("BT-t", "AAA", "target", "working", 120.0),
        ("BT-n", "BBB", "exit", "accepted", None),
    ]
    for name, symbol, leg, status, level in rows:
        order = (
            name,
            0,
            utc_text(LAST),
            symbol,
            leg,
            -1,
            5.0,
            "",
            None,
            None,
            None,
            None,
            level,
            status,
            1,
            "",
        )
        write(path, "orders", order)
    write(path, "fills", ("BT-e", 0, utc_text(LAST), "AAA", 1, 5.0, 99.0, 0.0, "entry", 0, 0))
    found = standing(path, replay=True)
    assert [(p.symbol, p.quantity, p.average) for p in found.positions] == [("AAA", 5, 99), ("BBB", 2, None)]
    assert found.positions[0].resting == Protection("AAA", -1, D("5.0"), D("95.0"), D("120.0"))
    assert found.positions[0].fault == ""
    assert [(o.client_id, o.purpose, o.state) for o in found.orders] == [
        ("BT-s", "stop", "working"),
        ("BT-t", "target", "working"),
        ("BT-n", "exit", "accepted"),
    ]
    # A split since then makes the price of the entry another one.
    bar(path, 1, LAST + DAY, AAA={"held": 10.0, "split": 2.0})
    assert standing(path, replay=True).positions[0].average is None


# --- limits used -------------------------------------------------------------------------------


EQUITY = D(100_000)
RULES = Rules(positions=9, daily_loss=D("0.03"), drawdown=D("0.2"))


def used(path, marks=None, at=NOW, rules=RULES, equity=EQUITY):
    return {row.name: row for row in usage_of(standing(path), marks, at, rules, equity)}


def test_each_limit_beside_what_is_used_of_it(path):
    healthy(path)
    write(path, "holdings", ("BBB", "-20", "50"))
    oco(path, "PP-b", "BBB", "20", sent_at=NOW - timedelta(seconds=59))
    tracked(path, "PP-more", "CCC", quantity="300", state="live", sent_at=NOW - timedelta(hours=23))
    tracked(path, "PP-yesterday", "AAA", quantity="900", state="filled", sent_at=NOW - DAY)
    found = used(path, Marks("2026-11-20", D(101_000), D(125_000)))
    told = {name: (row.used, row.allowed) for name, row in found.items()}
    assert told == {
        "order quantity": ("300", "10,000"),
        "order notional": ("1,040 USD", "50,000 USD"),  # ten at 104; CCC has no price
        "position notional": ("1,040 USD", "100,000 USD"),
        "position share": ("1.0%", "50.0%"),
        "gross exposure": ("2.0%", "100.0%"),
        "positions": ("3", "9"),
        "open orders": ("3", "60"),
        "orders per minute": ("2", "30"),
        "orders per day": ("4", "500"),
        "daily loss": ("1.0%", "3.0%"),
        "drawdown": ("20.0%", "20.0%"),
        "price collar": ("–", "20.0%"),
        "stale bar": ("18.0 h", "20.0 h"),
        "clock skew": ("–", "2 s"),
        "restricted": ("none held", "all symbols"),
    }
    assert found["drawdown"].share == pytest.approx(1.0)
    assert found["price collar"].share is None


def test_what_is_not_known_is_not_guessed(path):
    begin(path)
    write(path, "holdings", ("AAA", "10", "100"))
    found = used(path)
    unknown = {name for name, row in found.items() if row.used == "–"}
    assert unknown == {
        "position notional", "position share", "gross exposure", "daily loss", "drawdown", "price collar",
        "stale bar", "clock skew",
    }  # fmt: skip
    found = used(path, Marks("2026-11-20", D(0), D(0)))
    assert found["daily loss"].used == "–"


def test_a_limit_of_nothing_is_all_used_by_anything(path):
    healthy(path)
    rules = Rules(positions=0, open_orders=0, order_notional=D(0))
    found = {name: row.share for name, row in used(path, rules=rules).items()}
    assert (found["positions"], found["order notional"]) == (float("inf"), float("inf"))
    change(path, "DELETE FROM tracked")
    assert used(path, rules=rules)["order notional"].share == 0.0


def test_days_are_said_as_days(path):
    healthy(path)
    row = used(path, at=NOW + 2 * DAY, rules=Rules(stale_after=timedelta(days=5)))["stale bar"]
    assert (row.used, row.allowed) == ("2.8 days", "5.0 days")


def test_losses_and_shares_are_of_the_account_not_of_the_runs_own_money(path):
    """A run of 40,000 USD at an account of 250,000: nothing is lost, and little is at risk."""
    begin(path)
    bar(path, 0, LAST, equity=40_000.0, AAA={"held": 200.0, "close": 100.0})
    write(path, "holdings", ("AAA", "200", "100"))
    marks = Marks("2026-11-20", D(250_000), D(250_000))
    found = used(path, marks, equity=D(245_000))
    assert {name: found[name].used for name in ("daily loss", "drawdown", "position share")} == {
        "daily loss": "2.0%",
        "drawdown": "2.0%",
        "position share": "8.2%",
    }
    assert found["gross exposure"].used == "8.2%"  # 20,000 of 245,000
    unknown = used(path, marks, equity=None)
    names = ("daily loss", "drawdown", "position share", "gross exposure")
    assert [(unknown[name].used, unknown[name].share) for name in names] == [("–", None)] * 4


def test_limits_that_are_not_known_are_not_guessed(path):
    healthy(path)
    assert {(row.allowed, row.share) for row in used(path, rules=None).values()} == {("–", None)}


def test_latches_and_marks_are_read(tmp_path):
    file = tmp_path / "limits.sqlite"
    with Limits.at(file) as limits:
        with Reading.limits(file) as reading:
            assert (latches_of(reading), marks_of(reading)) == ((), None)
        limits.latch(KILL, "by hand", NOW)
        limits.mark("2026-11-20", D("100.5"))
        with Reading.limits(file) as reading:
            assert latches_of(reading) == (Latch(KILL, "2026-11-20T15:00:00.000000Z", "by hand"),)
            assert marks_of(reading) == Marks("2026-11-20", D("100.5"), D("100.5"))
    (tmp_path / "empty").touch()
    with Reading.limits(tmp_path / "empty") as reading:
        assert (latches_of(reading), marks_of(reading)) == ((), None)
        assert (rules_of(reading), equity_of(reading)) == (None, None)


def test_limits_in_force_and_the_accounts_equity_are_read(tmp_path):
    file = tmp_path / "limits.sqlite"
    rules = Rules(order_notional=D("28.50"), positions=3, clock_skew=timedelta(seconds=1.5))
    with Limits.at(file) as limits, Reading.limits(file) as reading:
        assert (rules_of(reading), equity_of(reading)) == (None, None)
        limits.hold_to(text_of_rules(Rules()))
        limits.hold_to(text_of_rules(rules))
        for equity in (D("100.5"), D("99.25"), D("99.25")):
            limits.mark("2026-11-20", equity)
        assert (rules_of(reading), equity_of(reading)) == (rules, D("99.25"))


def test_a_file_of_limits_from_before_they_were_written_still_opens(tmp_path):
    file = tmp_path / "limits.sqlite"
    with Limits.at(file) as limits:
        limits.mark("2026-11-20", D(100))
    for table in ("rules", "equity_last"):
        change(file, f"DROP TABLE {table}")
    with Reading.limits(file) as reading:
        assert (rules_of(reading), equity_of(reading)) == (None, None)
        assert marks_of(reading) == Marks("2026-11-20", D(100), D(100))
    with Limits.at(file) as limits, Reading.limits(file) as reading:
        limits.mark("2026-11-20", D(90))
        assert equity_of(reading) == D(90)


def test_the_time_at_a_broker_that_plays_old_bars(tmp_path):
    file = tmp_path / "limits.sqlite"
    with Limits.at(file) as limits, Reading.limits(file) as reading:
        limits.at_broker(None)
        assert clock_of(reading) is None
        limits.at_broker(NOW)
        limits.at_broker(NOW + DAY)
        assert clock_of(reading) == NOW + DAY
        limits.at_broker(None)
        assert clock_of(reading) is None
        change(file, "DROP TABLE clock_last")
        assert clock_of(reading) is None
