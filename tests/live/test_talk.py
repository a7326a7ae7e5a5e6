"""How long a broker that counts requests asks to be left alone, by whatever it says of it."""

import pytest
import requests

from live.talk import _in_words, _wait_of

DATE = "Fri, 20 Nov 2026 15:00:00 GMT"  # 1795186800 s after 1970, by `date -d`


@pytest.mark.parametrize(("status", "headers", "seconds"), [
    (200, {"Retry-After": "7"}, 0.0),
    (503, {"Retry-After": "7"}, 0.0),
    (429, {"Retry-After": "7"}, 7.0),
    (429, {"Retry-After": "0.5"}, 0.5),
    (429, {"Retry-After": "-3"}, 0.0),
    (429, {"Retry-After": "86400"}, 60.0),
    (429, {"Retry-After": DATE}, 5.0),
    (429, {"X-RateLimit-Reset": "1795186812", "Date": DATE}, 12.0),
    (429, {"X-RateLimit-Reset": "1795180000", "Date": DATE}, 0.0),
    (429, {"X-RateLimit-Reset": "soon", "Date": DATE}, 5.0),
    (429, {"X-RateLimit-Reset": "1795186812"}, 5.0),
    (429, {"X-RateLimit-Reset": "1795186812", "Date": "today"}, 5.0),
    (429, {}, 5.0),
])  # fmt: skip
def test_a_broker_that_counts_is_left_alone(status, headers, seconds):
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    assert _wait_of(response) == seconds


@pytest.mark.parametrize(("problem", "said"), [
    (None, "no answer"), (requests.ConnectTimeout("http://a?key=1"), "no connection in time"),
    (requests.ReadTimeout("http://a?key=1"), "no answer in time"),
])  # fmt: skip
def test_failures_in_words_name_no_address(problem, said):
    assert _in_words(problem) == said
