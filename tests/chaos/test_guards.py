"""The judge's eye for protection: a stop that is of the shares of yesterday is found out."""

from datetime import timedelta
from decimal import Decimal

from tests.chaos.guards import misplaced, resting, split_since
from tests.live.splitting import at_a_split, hold


def test_a_stop_beside_its_level_or_beyond_the_price_is_found_out(tmp_path):
    with at_a_split(tmp_path, 0.1) as it:
        hold(it)
        day, engine = it.later[0], it.floor.trader.runner.engine
        it.floor.tick(day.open + timedelta(seconds=20), times=4)
        (stop,) = [order for order in it.fake.orders() if order.open]
        assert (stop.qty, stop.stop_price) == (17, 1092.5)
        assert misplaced(it.fake, engine, [stop]) == []
        assert resting(it.fake, it.floor.tracks, engine, fills=True) == []
        # What shares left over make of the ratio: 173 became 17.
        stop.stop_price = 1111.77
        (told,) = misplaced(it.fake, engine, [stop])
        assert told == "AAA: sell 17 at 1111.77, the level is 1092.5000"
        assert resting(it.fake, it.floor.tracks, engine, fills=True) == [told]
        stop.stop_price = 1092.51
        assert misplaced(it.fake, engine, [stop]) == []  # within a tick
        it.fake.exchange.account.marks["AAA"] = 1092.5
        (told,) = resting(it.fake, it.floor.tracks, engine, fills=True)
        assert told.endswith("the price is 1092.5")
        assert resting(it.fake, it.floor.tracks, engine, fills=False) == []


def test_a_split_counts_from_its_open_until_its_bar(tmp_path):
    with at_a_split(tmp_path, 0.1) as it:
        before, day = it.entry.close, it.later[0]
        early = day.open - timedelta(minutes=1)
        assert split_since(it.fake, "AAA", before.isoformat(), early) == 1
        assert split_since(it.fake, "AAA", before.isoformat(), day.open) == Decimal("0.1")
        assert split_since(it.fake, "AAA", day.close.isoformat(), day.close) == 1
