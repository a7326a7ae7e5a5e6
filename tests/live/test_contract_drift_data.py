"""The same for bars and the stream: a bar is true or left out, an event names its order or asks for all."""

from collections import Counter
from decimal import Decimal

import polars as pl
import pytest
from alpaca.data.historical import StockHistoricalDataClient
from pydantic import SecretStr

from live.keys import Access
from live.line import Line
from live.order_states import Tracked, report
from live.pace import Pace
from live.payloads import order_of
from live.streams import Hint, TradeHints
from live.talk import Talk
from live.transitions import State
from live.vendor import fetch
from research.errors import Unreachable
from tests.fake_alpaca.worlds import at
from tests.live.canary import KEY, SECRET
from tests.live.drift import GONE, NUMBERS, STRANGE, additions, found, mutants, told, tops
from tests.live.true_answers import FIRST, line_with, truth, world

BOTH = ("AAA", "BBB")
WHICH = {"raw": (0,), "adjusted": (1,), "both": (0, 1)}


def delivered(*bodies):
    return fetch(line_with(*bodies), BOTH, FIRST, at(1, "16:01"))


def bodies(body, which):
    """Return the two answers of a fetch, of which some are a mutant."""
    return [body if k in WHICH[which] else truth().bars for k in (0, 1)]


def changes(values, fields="tohlcvn"):
    """Yield the mutants of the answer, of its lists, and of one bar: all bars are read alike."""
    for place, new, body in mutants(truth().bars, values):
        in_bar = place[:3] == ("bars", "AAA", 1)
        if len(place) <= 2 or (in_bar and (len(place) == 3 or place[3] in fields)):
            yield place, new, body


def rows(delivery):
    return set(delivery.bars.rows())


def test_the_truth_is_four_bars():
    whole = delivered(truth().bars)
    assert whole.bars.select("symbol", "open", "close", "adj_factor").rows() == [
        ("AAA", 100.0, 101.0, 1.0), ("AAA", 102.0, 105.0, 1.0),
        ("BBB", 50.0, 50.0, 1.0), ("BBB", 50.0, 50.0, 1.0),
    ]  # fmt: skip
    assert (whole.missing, whole.faults) == ((), ())


@pytest.mark.parametrize("which", WHICH)
def test_a_changed_field_of_bars_costs_that_bar_and_is_told(which):
    whole = rows(delivered(truth().bars))
    counts: Counter[str] = Counter()
    wrong = []
    for place, new, body in changes(STRANGE if which == "both" else [GONE, None, ["moonlit"]]):
        counts["mutants"] += 1
        try:
            delivery = delivered(*bodies(body, which))
        except Unreachable:
            counts["unreachable"] += 1
            continue
        except Exception as problem:  # noqa: BLE001 - a crash is what is looked for
            counts["crashes"] += 1
            wrong.append(f"{told(place, new)}: {problem!r}"[:300])
            continue
        # A list that is shorter by a bar is a true list of fewer bars.
        shorter = new is GONE and isinstance(place[-1], int)
        fewer = rows(delivery) < whole
        if not rows(delivery) <= whole or (fewer and not (shorter or delivery.faults or delivery.missing)):
            wrong.append(f"{told(place, new)}: {delivery}"[:300])
        counts["left out, told"] += fewer
    shown = ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
    assert not wrong, f"{shown}: " + "; ".join(wrong[:20])
    assert counts["mutants"] > 30, shown


def test_numbers_beyond_all_sense_crash_nothing():
    prices = pl.col("open", "high", "low", "close", "adj_factor").is_between(0, 1e300, closed="none")
    for which, fields in (("raw", "tcv"), ("adjusted", "c")):
        for place, new, body in changes(NUMBERS, fields):
            try:
                bars = delivered(*bodies(body, which)).bars
            except Unreachable:
                continue
            assert bars.select(pl.all_horizontal(prices).all()).item(), told(place, new)


@pytest.mark.parametrize("which", WHICH)
def test_answers_that_are_no_bars(which):
    for _, new, body in tops(truth().bars):
        with pytest.raises(Unreachable):
            pytest.fail(f"{told((), new)}: {delivered(*bodies(body, which))}")


def test_fields_that_are_new_change_no_bar():
    whole = rows(delivered(truth().bars))
    for place, new, body in additions(truth().bars):
        try:
            assert rows(delivered(body)) == whole, told(place, new)
        except Unreachable:
            # Beside the symbols a new key is a symbol; one without bars has none.
            assert place == ("bars", "novelty"), told(place, new)


def test_bars_that_were_not_asked_for_are_left_out():
    extra = {**truth().bars, "bars": {**truth().bars["bars"], "ZZZ": truth().bars["bars"]["AAA"]}}
    found = delivered(extra)
    assert rows(found) == rows(delivered(truth().bars))
    assert found.faults == ("ZZZ: bars came that were not asked for",)


def test_changed_fields_of_bars_over_real_sockets():
    whole = rows(delivered(truth().bars))
    with world() as fake:
        fake.advance_to(at(1, "16:01"))
        talk = Talk(lambda: StockHistoricalDataClient(KEY, SECRET, url_override=fake.url, raw_data=True))
        line = Line(talk, Pace(per_minute=10**6))
        for place, new, body in changes([GONE, ["moonlit"]]):
            fake.script.clear()
            fake.fault("GET /v2/stocks/bars", "200", body=body)
            try:
                assert rows(fetch(line, BOTH, FIRST, at(1, "16:01"))) <= whole, told(place, new)
            except Unreachable:
                assert len(place) <= 2
        talk.close()


# --- the stream --------------------------------------------------------------------------------


def taken(frame):
    """Return the hints that a frame becomes, without a thread."""
    access = Access(SecretStr(KEY), SecretStr(SECRET), False, "http://127.0.0.1:9", "http://127.0.0.1:9")
    stream = TradeHints(access, lambda text: None)
    stream._take(frame)
    return stream.drain()


def test_a_changed_field_of_an_event_names_its_order_or_asks_for_all():
    counts: Counter[str] = Counter()
    for values in (STRANGE, NUMBERS):
        for place, new, body in [*mutants(truth().update, values), *tops(truth().update)]:
            hints = taken(body)
            counts["mutants"] += 1
            assert len(hints) == 1, told(place, new)
            if hints == [Hint("")]:
                counts["ask for all"] += 1
                continue
            says = found(body, place) if new is not GONE else None
            assert hints[0].client_id in ("PP-part", str(says).strip()), told(place, new)
            if values is STRANGE and place[-1] != "client_order_id":
                order = Tracked("PP-part", "BBB", 1, Decimal(10), State.LIVE)
                after = report(order, order_of(hints[0].payload)).order
                assert after.state in {State.LIVE, State.PARTIAL, State.UNCLEAR}, told(place, new)
                assert after.filled in {0, 5}, told(place, new)
    shown = ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))
    assert counts["mutants"] > 900, shown


def test_fields_that_are_new_change_no_hint():
    hints = taken(truth().update)
    for place, new, body in additions(truth().update):
        (hint,) = taken(body)
        assert (hint.client_id, hint.execution_id, hint.event) == (
            hints[0].client_id, hints[0].execution_id, hints[0].event,
        ), told(place, new)  # fmt: skip
        assert order_of(hint.payload) == order_of(hints[0].payload), told(place, new)
