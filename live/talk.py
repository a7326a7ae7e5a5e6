"""One request to Alpaca and what can be said of it afterwards: a `Reply`, never an exception of theirs.

In: method, path, data. Out: the HTTP status and the decoded answer, or in words why there is none. The
request goes through alpaca-py, which knows addresses and credentials, with its habits taken off:

* it waits for ever: here each wait on a socket is bounded, and the whole call by a deadline outside it;
* it sends a POST again on 429 and 504: here it never does;
* it raises whatever its parsing meets (TypeError on an empty body, JSONDecodeError on a page of HTML):
  here the status is taken from the wire, and any of these is a reply without an answer;
* it reads the environment at each request, which takes longer than the request: here proxies (`HTTPS_PROXY`,
  `NO_PROXY`) and certificates (`REQUESTS_CA_BUNDLE`) are read once for a connection, and anew after one that
  failed; and no password of a `.netrc` is sent beside the keys.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

import requests
from alpaca.common.exceptions import APIError
from requests.adapters import HTTPAdapter

from live.deadline import Deadlines, Overdue

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

    from live.keys import Access

__all__ = ["DEADLINE", "Reply", "Talk", "actions_talk", "data_talk", "trading_talk"]

DEADLINE: Final = 8.0
_CONNECT, _READ = 3.05, 6.0  # seconds of one wait
_LONGEST_WAIT, _USUAL_WAIT = 60.0, 5.0
# A host that sends one byte a second keeps what was left behind for minutes after it is well again; two are
# left behind at each look. Beyond so many nothing is asked until some have ended.
_MOST_BEHIND: Final = 64
_MOST = 200  # characters of an answer that a message repeats
# Statuses in the 400s that do not say what became of the request: it took too long, or came too soon.
_INDEFINITE = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request.

    Attributes
    ----------
    status : int or None
        HTTP status; None: none was received.
    body : object
        Decoded JSON; None if there was none, or it could not be read.
    problem : str
        Why this is no answer, or what the broker refused; "" where all is well.
    wait : float
        Seconds that the broker asked to be left alone.
    """

    status: int | None
    body: object
    problem: str = ""
    wait: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it was done, and the answer can be read."""
        return not self.problem

    @property
    def refused(self) -> bool:
        """Whether it was definitely not done."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in _INDEFINITE


class _Bounded(HTTPAdapter):
    """Bound each wait on a socket, so that threads left behind end."""

    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        options["timeout"] = (_CONNECT, _READ)
        return super().send(*arguments, **options)


class Talk:
    """Requests to one of Alpaca's hosts.

    Parameters
    ----------
    make : callable
        A new alpaca-py client with `raw_data`; called again after a call that was left behind, whose
        connection cannot be trusted, and after one that failed.
    deadline : float
        Seconds after which a request is given up, whatever it is waiting for.
    """

    def __init__(self, make: Callable[[], RESTClient], deadline: float = DEADLINE) -> None:
        self._make = make
        self._deadline = deadline
        self._deadlines = Deadlines(_MOST_BEHIND)
        self._client: RESTClient | None = None
        self._seen = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        data: Mapping[str, object] | None = None,
        *,
        seconds: float | None = None,
    ) -> Reply:
        """Make one request, once.

        Parameters
        ----------
        method : {"GET", "POST", "DELETE"}
        path : str
            Below the API's version, such as "/orders".
        data : mapping, optional
            Query of a GET or DELETE, JSON of the others.
        seconds : float, optional
            A shorter deadline.
        """
        limit = self._deadline if seconds is None else min(seconds, self._deadline)
        known = self._client

        def call() -> tuple[RESTClient, Reply]:
            # Within the deadline: to read the proxies of a machine may ask a resolver that does not answer.
            client = known or self._bound(self._make())
            return client, self._one(client, method, path, data)

        try:
            client, reply = self._deadlines.run(call, limit)
        except Overdue as problem:
            self._client = None
            return Reply(None, None, f"{method} {path}: {problem}")
        self._client = None if reply.status is None else client
        return reply

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client._session.close()  # noqa: SLF001
            self._client = None

    def _bound(self, client: RESTClient) -> RESTClient:
        """Take alpaca-py's habits off; it has no public switch for any of them."""
        client._retry = 0  # noqa: SLF001
        session = client._session  # noqa: SLF001
        session.mount("https://", _Bounded())
        session.mount("http://", _Bounded())
        address = client._base_url + "/"  # noqa: SLF001
        found = session.merge_environment_settings(address, {}, None, None, None)
        session.proxies, session.verify, session.trust_env = found["proxies"], found["verify"], False
        session.hooks["response"].append(self._note)
        return client

    def _note(self, response: requests.Response, **_options: object) -> None:
        """Remember what the wire said, of the request of this thread."""
        self._seen.response = response

    def _one(self, client: RESTClient, method: str, path: str, data: Mapping[str, object] | None) -> Reply:
        self._seen.response = None
        given = None if data is None else dict(data)
        try:
            answer = client._request(method, path, given)  # noqa: SLF001
        # What alpaca-py and requests are known to raise; the status on the wire decides what it means.
        # RecursionError: JSON nested without end. OSError: certificates that are not where they should be.
        except (
            APIError,
            OSError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as problem:
            failure: Exception | None = problem
        else:
            failure = None
        response: requests.Response | None = self._seen.response
        if response is None:
            return Reply(None, None, f"{method} {path}: {_in_words(failure)}")
        if failure is None and answer is not None and 200 <= response.status_code < 300:
            return Reply(response.status_code, answer)  # decoded already
        return _read(f"{method} {path}", response, failure)


def _read(what: str, response: requests.Response, failure: Exception | None) -> Reply:
    """Say what a response means."""
    status = response.status_code
    # A body that broke off is no answer, though its status arrived.
    if isinstance(failure, requests.RequestException) and not isinstance(failure, requests.JSONDecodeError):
        return Reply(None, None, f"{what}: {status}, then {_in_words(failure)}")
    try:
        body = response.json() if response.content else None
    except (ValueError, RecursionError):
        shown = " ".join(response.text[: 10 * _MOST].split())[:_MOST]
        return Reply(status, None, f"{what}: {status} with no JSON but {shown!r}", _wait_of(response))
    if 200 <= status < 300 and (body is not None or status == 204):
        return Reply(status, body)
    if 200 <= status < 300:
        return Reply(status, None, f"{what}: {status} with nothing in it")
    said = body.get("message") if isinstance(body, Mapping) else None
    text = said if isinstance(said, str) else response.text[: 10 * _MOST]
    return Reply(status, body, f"{what}: {status}, {' '.join(text.split())[:_MOST]}", _wait_of(response))


def _wait_of(response: requests.Response) -> float:
    """Return the seconds after which a broker that counts requests will listen again; 0 if not asked."""
    if response.status_code != 429:
        return 0.0
    headers = response.headers
    try:
        if "Retry-After" in headers:
            return min(max(float(headers["Retry-After"]), 0.0), _LONGEST_WAIT)
        # Against the broker's own clock: ours may be wrong.
        now = parsedate_to_datetime(headers["Date"]).timestamp()
        return min(max(float(headers["X-RateLimit-Reset"]) - now, 0.0), _LONGEST_WAIT)
    except (KeyError, ValueError):
        return _USUAL_WAIT


def _in_words(problem: Exception | None) -> str:
    """Return a failure in one line, without the address, which may carry what is not to be told."""
    if problem is None:
        return "no answer"
    if isinstance(problem, requests.ConnectTimeout):
        return "no connection in time"
    if isinstance(problem, requests.ReadTimeout):
        return "no answer in time"
    if isinstance(problem, requests.ConnectionError):
        return "the connection failed or was lost"
    if isinstance(problem, OSError) and not isinstance(problem, requests.RequestException):
        if problem.strerror:
            return problem.strerror
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or "none named"
        return f"the certificates of REQUESTS_CA_BUNDLE ({bundle}) cannot be read"
    return type(problem).__name__


def trading_talk(access: Access, deadline: float = DEADLINE) -> Talk:
    """Return requests to the trading host of an account, each given up after `deadline` seconds."""
    from alpaca.trading.client import TradingClient

    # Unwrapped where they are handed over: no variable holds them that a traceback could show.
    return Talk(
        lambda: TradingClient(
            access.key.get_secret_value(),
            access.secret.get_secret_value(),
            paper=not access.live,
            raw_data=True,
            url_override=access.trading,
        ),
        deadline,
    )


def data_talk(access: Access, deadline: float = DEADLINE) -> Talk:
    """Return requests to the data host, each given up after `deadline` seconds."""
    from alpaca.data.historical import StockHistoricalDataClient

    return Talk(
        lambda: StockHistoricalDataClient(
            access.key.get_secret_value(),
            access.secret.get_secret_value(),
            raw_data=True,
            url_override=access.data,
        ),
        deadline,
    )


def actions_talk(access: Access) -> Talk:
    """Return requests about corporate actions, which are at the data host under a version of their own."""
    from alpaca.data.historical.corporate_actions import CorporateActionsClient

    return Talk(
        lambda: CorporateActionsClient(
            access.key.get_secret_value(),
            access.secret.get_secret_value(),
            raw_data=True,
            url_override=access.data,
        )
    )
