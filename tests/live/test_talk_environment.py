"""What a connection takes from the environment: proxies, once for each, and no password of somebody's."""

import socket
import threading
import time

import pytest
from alpaca.trading.client import TradingClient

from live.talk import Talk
from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.wire import Reader, Response, read
from tests.fake_alpaca.worlds import daily, week
from tests.live.canary import KEY, SECRET

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def fake():
    with FakeAlpaca(daily(), calendar=week()) as server:
        yield server


@pytest.fixture
def proxy():
    """Answer every request as a proxy would, and keep what it was asked for."""
    door = socket.create_server(("127.0.0.1", 0))
    asked = []

    def serve():
        while True:
            try:
                sock, _ = door.accept()
            except OSError:
                return
            with sock:
                stream = Reader(sock)
                while (head := read(stream)) is not None:
                    asked.append(head.raw.split(b" ")[1].decode())
                    sock.sendall(Response.of(200, {"from": "the proxy"}).to_bytes())

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{door.getsockname()[1]}", asked
    door.shutdown(socket.SHUT_RDWR)
    door.close()


def talk_to(url, deadline=5.0):
    return Talk(lambda: TradingClient(KEY, SECRET, url_override=url, raw_data=True), deadline)


def test_requests_go_through_the_proxy_of_the_environment(proxy, monkeypatch):
    address, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", address)
    talk = talk_to("http://broker.invalid")
    assert talk.ask("GET", "/clock").body == {"from": "the proxy"}
    monkeypatch.delenv("HTTP_PROXY")  # known to this connection
    assert talk.ask("POST", "/orders", {"qty": "1"}).body == {"from": "the proxy"}
    assert asked == ["http://broker.invalid/v2/clock", "http://broker.invalid/v2/orders"]
    talk.close()


def test_hosts_that_need_no_proxy_are_asked_themselves(fake, proxy, monkeypatch):
    address, asked = proxy
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    talk = talk_to(fake.url)
    assert "is_open" in talk.ask("GET", "/clock").body
    assert asked == []
    talk.close()


def test_after_a_failure_the_environment_is_read_anew(fake, proxy, monkeypatch):
    address, _ = proxy
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # where nobody listens
    talk = talk_to(fake.url)
    assert talk.ask("GET", "/clock").status is None
    monkeypatch.setenv("HTTP_PROXY", address)
    assert talk.ask("GET", "/clock").body == {"from": "the proxy"}
    talk.close()


def test_a_machine_that_does_not_say_its_proxies_is_waited_for_no_longer_than_the_broker(monkeypatch):
    asked = threading.Event()
    monkeypatch.setattr("requests.sessions.get_environ_proxies", lambda *_, **__: asked.wait(30.0) and {})
    began = time.monotonic()
    reply = talk_to("http://127.0.0.1:1", deadline=0.2).ask("GET", "/clock")
    assert time.monotonic() - began < 10.0
    assert "no end after 0.2 s" in reply.problem
    asked.set()


def test_certificates_are_those_of_the_environment(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    # Before it connects, requests looks whether they are there; they may be just being renewed.
    reply = talk_to("https://127.0.0.1:1").ask("GET", "/clock")
    assert reply.status is None
    assert "/nowhere/bundle.pem" in reply.problem


def test_no_password_of_a_netrc_is_sent(fake, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []
    known = fake._known

    def noted(headers):
        seen.append(dict(headers))
        return known(headers)

    monkeypatch.setattr(fake, "_known", noted)
    talk = talk_to(fake.url)
    assert talk.ask("GET", "/clock").good
    assert "authorization" not in seen[0]
    talk.close()
