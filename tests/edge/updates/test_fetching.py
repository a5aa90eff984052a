"""What a server can do to whoever fetches a model from it: nothing but say no."""

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config import Config
from edge.errors import ConfigurationError, ModelError
from edge.system.locking import lock
from edge.updates import fetching
from edge.updates.fetching import update_by_fetching
from edge.updates.shelf import REQUEST, Shelf
from edge.updates.signing import digest_of


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def fetch(serve_tls, public_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """`fetch(Handler)`: what is said of a model that such a server has."""

    def fetched(handler: type[http.server.BaseHTTPRequestHandler]) -> str:
        url, certificate = serve_tls(handler)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        updates = {"public_key": public_key, "url": f"{url}/model.zip"}
        config = Config.model_validate({"state_dir": str(tmp_path / "state"), "updates": updates})
        with pytest.raises(ConfigurationError) as caught:
            update_by_fetching(config, print)
        return str(caught.value).removeprefix(f"updates.url: {url}/model.zip: ")

    return fetched


@pytest.fixture
def plain_server() -> Iterator[tuple[str, list[str]]]:
    """A server without TLS, and what it was asked for."""
    asked: list[str] = []

    class Handler(Quiet):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_an_encrypted_address_leads_to_no_other(fetch, plain_server: tuple[str, list[str]], scheme: str) -> None:
    address, asked = plain_server

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{scheme}://{address}/model.zip")
            self.end_headers()

    said = fetch(Handler)
    assert said == (f"cannot be fetched (it is said to lie at {scheme}:, which is not encrypted); trying again later")
    assert asked == []


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(fetch, part: str, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "DEADLINE_S", 0.5)
    is_over = threading.Event()

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"Content-Length: 9000\r\n\r\n" if part == "body" else b"X: "))
            while not is_over.wait(0.02):
                self.wfile.write(b"x")

    try:
        assert fetch(Handler) == "did not come in 0 s; trying again later"
    finally:
        is_over.set()


def test_an_answer_that_is_cut_off_is_one_line(fetch) -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nabc")

    assert fetch(Handler).startswith("cannot be fetched (")


def test_what_is_not_signed_is_not_handed_over(serve_tls, public_key: str, tmp_path: Path, monkeypatch) -> None:
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"PK")

    url, certificate = serve_tls(Handler)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    updates = {"public_key": public_key, "url": f"{url}/model.zip"}
    config = Config.model_validate({"state_dir": str(tmp_path / "state"), "updates": updates})
    with pytest.raises(ModelError, match=r"is not signed"):
        update_by_fetching(config, print)
    assert not (tmp_path / "state").exists()


@pytest.fixture
def answer(tmp_path: Path) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """`answer(statuses)`: a daemon that takes requests, one a status, and says that of them."""
    shelf, is_over, threads = Shelf(tmp_path / "state"), threading.Event(), []
    descriptor = lock(shelf.folder)

    def take(statuses: list[dict[str, Any]]) -> None:
        for status in statuses:
            while not (shelf.folder / REQUEST).exists():
                if is_over.wait(0.02):
                    return
            (shelf.folder / REQUEST).unlink()
            shelf.say(status)

    def begin(statuses: list[dict[str, Any]]) -> None:
        threads.append(threading.Thread(target=take, args=(statuses,)))
        threads[-1].start()

    yield begin
    is_over.set()
    for thread in threads:
        thread.join()
    os.close(descriptor)


@pytest.mark.parametrize("may_pass", [True, False])
def test_what_was_refused_is_offered_again_where_the_reason_may_pass(
    serve_tls, answer, public_key: str, make_signed, *, tmp_path: Path, monkeypatch, may_pass: bool
) -> None:
    content = make_signed("newer").read_bytes()

    class Handler(Quiet):
        def do_GET(self) -> None:
            is_known = self.headers["If-None-Match"] == '"1"'
            self.send_response(304 if is_known else 200)
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(b"" if is_known else content)

    url, certificate = serve_tls(Handler)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    updates = {"public_key": public_key, "url": f"{url}/model.zip"}
    config = Config.model_validate({"state_dir": str(tmp_path / "state"), "updates": updates})
    refused = {"file": digest_of(content), "state": "refused", "reason": "too dark", "may_pass": may_pass}
    answer([refused, {"file": digest_of(content), "state": "proven"}])
    lines: list[str] = []
    with pytest.raises(ModelError, match="refused: too dark"):
        update_by_fetching(config, lines.append)
    update_by_fetching(config, lines.append)
    update_by_fetching(config, lines.append)
    assert lines == (["proven", "nothing new"] if may_pass else ["nothing new"] * 2)
