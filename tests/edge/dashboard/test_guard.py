"""Who may see the page, asked over HTTP as browsers and others do."""

import asyncio
import contextlib
import http.client
import socket
import ssl
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")

import uvicorn
from uvicorn.server import ServerState

from edge.dashboard.connections import MAX_PENDING, hurried
from edge.dashboard.guard import Brake, Keys
from edge.dashboard.settings import PASSWORD_VARIABLE, DashboardConfig, check_reach
from edge.errors import ConfigurationError

JSON = {"content-type": "application/json"}
LOGIN = "POST /login HTTP/1.1\r\nhost: {0}\r\norigin: http://{0}\r\ncontent-length: 14\r\n\r\n"
"""All but its body."""


def ask(url: str, method: str, path: str, body: str | None = None, **headers: str) -> http.client.HTTPResponse:
    """Ask once; underscores in the headers' names stand for dashes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_other_sites_are_refused(mosquitto, start_dashboard) -> None:
    url = start_dashboard(mosquitto.url).url
    ours = url.rstrip("/")
    command = '{"box": "a", "id": "b", "answer": "seen"}'
    statuses = {
        "our page": ask(url, "POST", "/api/commands", command, origin=ours, sec_fetch_site="same-origin").status,
        "another site": ask(url, "POST", "/api/commands", command, origin="https://evil.example").status,
        "a form of another port": ask(url, "POST", "/api/commands", command, origin="http://127.0.0.1:1").status,
        "nobody": ask(url, "POST", "/api/commands", command).status,
        "a picture in another page": ask(url, "GET", "/api/state", sec_fetch_site="cross-site").status,
        "a link in another page": ask(url, "GET", "/", sec_fetch_site="cross-site", sec_fetch_mode="navigate").status,
        "another name for this address": ask(url, "GET", "/api/state", host="evil.example").status,
        "too much": ask(url, "POST", "/api/commands", " " * 5000, origin=ours).status,
    }
    assert statuses == {
        "our page": 409,  # there is no such event
        "another site": 403,
        "a form of another port": 403,
        "nobody": 403,
        "a picture in another page": 403,
        "a link in another page": 200,
        "another name for this address": 421,
        "too much": 413,
    }
    policy = ask(url, "GET", "/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_password_is_asked_for_and_wrong_ones_have_to_wait(mosquitto, start_dashboard) -> None:
    url = start_dashboard(mosquitto.url, **{PASSWORD_VARIABLE: "correct horse"}).url
    ours = url.rstrip("/")
    assert ask(url, "GET", "/api/state").status == 401
    assert ask(url, "GET", "/").headers["location"] == "/login"
    right = ask(url, "POST", "/login", "password=correct+horse", origin=ours)
    cookie = right.headers["set-cookie"].partition(";")[0]
    assert ask(url, "GET", "/api/state", cookie=cookie).status == 200
    assert ask(url, "GET", "/api/state", cookie=f"{cookie}x").status == 401
    for wrong in range(3):  # quick ones are not even looked at
        assert ask(url, "POST", "/login", "password=wrong", origin=ours).status == (429 if wrong else 403)
    assert ask(url, "POST", "/login", "password=correct+horse", origin=ours).status == 429


def open_request(url: str, text: str) -> socket.socket:
    connection = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=30)
    connection.sendall(text.encode())
    return connection


def test_passwords_that_come_together_are_not_all_compared(mosquitto, start_dashboard) -> None:
    url = start_dashboard(mosquitto.url, **{PASSWORD_VARIABLE: "correct horse"}).url
    head = LOGIN.format(urlsplit(url).netloc)
    with ExitStack() as opened:
        held = [opened.enter_context(open_request(url, head)) for _ in range(50)]
        ask(url, "GET", "/login")
        for connection in held:
            connection.sendall(b"password=wrong")
        answers = [connection.recv(12)[-3:] for connection in held]
    assert sorted(answers) == [b"403"] + [b"429"] * 49


@pytest.mark.parametrize("text", ["GET / HTTP/1.1\r\nhost: ", LOGIN], ids=["head", "body"])
def test_requests_that_do_not_end_leave_room_for_those_that_do(mosquitto, start_dashboard, text) -> None:
    dashboard = start_dashboard(mosquitto.url, **{PASSWORD_VARIABLE: "correct horse"})
    head = text.format(urlsplit(dashboard.url).netloc)
    with ExitStack() as opened:
        held = [opened.enter_context(open_request(dashboard.url, head)) for _ in range(6 * MAX_PENDING)]
        assert ask(dashboard.url, "GET", "/login").status == 200
        for connection in held[: 5 * MAX_PENDING]:
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    assert dashboard.stop() == 0
    assert not [line for line in dashboard.said if "rror" in line]


def test_a_request_that_takes_too_long_is_cut() -> None:
    async def ask_slowly() -> None:
        loop = asyncio.get_running_loop()
        config, connection = uvicorn.Config(lambda *_: None), hurried(0.05)
        config.load()
        state = ServerState()
        server = await loop.create_server(lambda: connection(config, state, {}), "127.0.0.1")
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"GET / HTTP/1.1\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 30) == b""
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()

    with ThreadPoolExecutor(1) as thread:  # a browser's loop may run in this one
        thread.submit(asyncio.run, ask_slowly()).result()


def test_who_logs_out_has_no_session_any_more_also_after_a_restart(mosquitto, start_dashboard) -> None:
    dashboard = start_dashboard(mosquitto.url, remembers=True, **{PASSWORD_VARIABLE: "correct horse"})
    url = dashboard.url
    ours = url.rstrip("/")
    cookies = [
        ask(url, "POST", "/login", "password=correct+horse", origin=ours).headers["set-cookie"].partition(";")[0]
        for _ in range(2)
    ]
    ask(url, "POST", "/logout", "", origin=ours, cookie=cookies[0])
    for _ in range(2):
        assert [ask(url, "GET", "/api/state", cookie=cookie).status for cookie in cookies] == [401, 200]
        dashboard.stop()
        dashboard.start()


def test_requests_that_make_no_sense_are_refused(mosquitto, start_dashboard) -> None:
    dashboard = start_dashboard(mosquitto.url)
    url = dashboard.url
    filters = [
        "day=2026-01-01&zone=Europe",
        f"day=2026-01-01&zone={'x' * 3000}",
        f"before={2**63}.1",
        f"before=1.-{2**64}",
    ]
    assert [ask(url, "GET", f"/api/events?{each}").status for each in filters] == [400] * 4
    commands = ['{"box": "\\ud800", "id": "\\ud800", "answer": "seen"}', "[" * 4000, "9" * 4000, "\x00"]
    origin = url.rstrip("/")
    statuses = [ask(url, "POST", "/api/commands", each, origin=origin).status for each in commands]
    assert statuses == [409, 400, 400, 400]
    dashboard.stop()
    assert not [line for line in dashboard.said if "Traceback" in line]


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "127.0.0.1:0"])
def test_behind_a_proxy_a_page_is_reached_from_elsewhere_and_needs_a_password(listen) -> None:
    tables = {"broker": {"url": "mqtt://127.0.0.1"}, "listen": listen, "behind_proxy": "https://alarms.example"}
    config = DashboardConfig.model_validate(tables)
    check_reach(config, "correct horse")
    with pytest.raises(ConfigurationError, match=PASSWORD_VARIABLE):
        check_reach(config, None)


def test_a_person_logs_in_and_out(mosquitto, start_dashboard, open_page, patience) -> None:
    url = start_dashboard(mosquitto.url, **{PASSWORD_VARIABLE: "correct horse"}).url
    page = open_page(url, color_scheme="dark")
    patience(lambda: page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(17, 22, 20)")

    def enter(password: str) -> str:
        """Return the page that comes: its heading, or what it says instead of one."""
        page.goto(url)
        page.fill("[name=password]", password)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        return page.inner_text("body").partition("\n")[0]

    assert not page.is_visible(".wrong")
    assert enter("wrong") == "edgewatch"
    assert page.inner_text(".wrong").startswith("That password is wrong.")
    patience(lambda: enter("correct horse").startswith("Too many wrong passwords"), False)
    page.wait_for_selector("[data-link=live]")
    page.click("#logout button")
    page.wait_for_selector("[name=password]")


def test_with_a_certificate_it_speaks_tls_and_keeps_its_cookie_there(mosquitto, start_dashboard, tmp_path) -> None:
    certificate, key = tmp_path / "page.pem", tmp_path / "page.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    make += ["-keyout", key, "-out", certificate, "-subj", "/CN=page", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(make, check=True, capture_output=True)
    config = tmp_path / "dashboard.toml"
    config.write_text(
        f'certificate_file = "page.pem"\nkey_file = "page.key"\n[broker]\nurl = "{mosquitto.url}"\n', encoding="utf-8"
    )
    options = ("--config", str(config), "--listen", "127.0.0.1:0")
    url = start_dashboard(mosquitto.url, *options, **{PASSWORD_VARIABLE: "correct horse"}).url
    port = urlsplit(url).port
    silent = socket.create_connection(("127.0.0.1", port), timeout=30)
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    headers = {"origin": f"https://127.0.0.1:{port}", "host": f"127.0.0.1:{port}"}
    connection.request("POST", "/login", "password=correct+horse", headers)
    cookie = connection.getresponse().headers["set-cookie"]
    connection.close()
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=lax"))
    with silent:  # who never shakes hands has as long as for a request
        assert silent.recv(1) == b""


def test_the_pause_doubles_and_ends() -> None:
    now_s = 0.0
    brake = Brake(lambda: now_s)
    waits = []
    for _ in range(8):
        brake.wrong("a")
        waits.append(brake.wait_s("a"))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert brake.wait_s("b") == 0
    now_s = 60.0
    assert brake.wait_s("a") == 0
    for address in range(2000):
        brake.wrong(str(address))
    assert len(brake._wrong) == 1000


def test_a_new_password_ends_old_sessions() -> None:
    cookie = Keys("old", "secret").cookie()
    assert Keys("old", "secret").knows(cookie)
    assert not Keys("new", "secret").knows(cookie)
    assert not Keys("old", "secret").knows("in.sig.nature")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--listen", "0.0.0.0:0"], "listen: 0.0.0.0:0 is reached from elsewhere; set EDGEWATCH_DASHBOARD_PASSWORD"),
        (["--listen", "nonsense"], "command line: listen: 'nonsense' is no address; write host:port"),
        (["--config", "/nowhere.toml"], "/nowhere.toml: No such file or directory; give the path of a configuration"),
        (["--broker", "http://x"], "--broker: is not a broker's URL"),
    ],
)
def test_faults_are_one_line(options, fault) -> None:
    command = [sys.executable, "-m", "edge", "dashboard", "--broker", "mqtt://127.0.0.1", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert fault in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_address_that_is_not_there_yet_is_no_mistake_in_the_configuration(unused_port) -> None:
    command = [sys.executable, "-m", "edge", "dashboard", "--broker", "mqtt://127.0.0.1", "--listen"]
    with socket.create_server(("127.0.0.1", unused_port)):
        ended = subprocess.run([*command, f"127.0.0.1:{unused_port}"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"edge: listen: 127.0.0.1:{unused_port}: Address already in use")
