"""What passed the door is what is sent, once; what an answer says of it is written down as far as it goes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from live.alpaca import Said
from live.orders import Outcome
from live.risk import Admitted
from live.risk_context import Purpose, Wanted
from live.sending import Sender, _after, send_admitted
from live.transitions import State
from research.errors import BadValue
from tests.live.crossing import story

FIELDS = {"client_order_id": "PP-1", "symbol": "AAA", "side": "buy", "qty": "10"}
WANTED = Wanted("PP-1", "AAA", 1, Decimal(10), Purpose.ENTER)


class Deaf:
    """An account to which nothing may be sent."""

    def submit(self, fields):
        raise AssertionError(f"{fields} was sent")


@pytest.mark.parametrize("other", [
    {"client_order_id": "PP-2"}, {"symbol": "BBB"}, {"side": "sell"}, {"qty": "11"}, {"qty": 10},
])  # fmt: skip
def test_a_body_that_is_not_of_the_order_that_passed_is_not_sent(other):
    with pytest.raises(BadValue, match=r"an order's body must be what passed the door, .*; mend the caller"):
        send_admitted(Deaf(), Admitted(WANTED), FIELDS | other)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", ["filled", "partially_filled"])
def test_shares_that_the_answer_tells_of_are_left_to_reconciliation(tmp_path, status):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        (track,) = it.floor.tracks.open("AAA")
        unknown = replace(track, order=replace(track.order, state=State.UNKNOWN))
        answer = it.floor.trader._account.open_orders()[0]
        answer = replace(answer, status=status, filled=Decimal(5), average=Decimal(115))
        after = _after(unknown, Said(Outcome.ACCEPTED, answer))
        assert (after.order.state, after.order.filled, after.order.average) == (State.LIVE, Decimal(0), None)


def test_what_was_sent_is_not_sent_again_and_what_has_no_name_there_is_not_cancelled(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        (track,) = it.floor.tracks.open("AAA")
        sender = Sender(it.floor.trader._account, it.floor.tracks, None)  # type: ignore[arg-type]
        o = track.order
        again = Admitted(Wanted(o.client_id, o.symbol, o.side, o.quantity, Purpose.ENTER))
        context = type("Then", (), {"now": track.sent_at})
        with pytest.raises(BadValue, match="sending must not happen in the state live"):
            sender._post(again, track.fields, track.order_id, context)  # type: ignore[arg-type]
        assert len(it.sent) == 1
        said = sender.cancel(replace(track, order=replace(o, broker_id="")))
        assert (said.outcome, said.order) == (Outcome.UNKNOWN, None)
        assert said.problem == f"order {o.client_id} has no id at the broker yet"
        assert it.fake.log.of("DELETE /v2/orders/*") == []
