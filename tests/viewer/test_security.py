import socket

import pytest
from starlette.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.viewer_process import TIMEOUT_S, get
from viewer.security import refusal


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8080"},
        {"host": "127.0.0.1:8080"},
        {"host": "[::1]:8080"},
        {"host": "LOCALHOST"},
        {"host": "localhost:8080", "origin": "http://localhost:8080"},
        {"host": "localhost:9000", "origin": "http://localhost:9000"},  # a forwarded port
    ],
)
def test_the_own_page_and_local_programs_are_allowed(headers):
    assert refusal(Headers(headers)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "evil.example"},  # a name that resolves to 127.0.0.1
        {"host": "localhost.evil.example:8080"},
        {"host": "localhost@evil.example"},
        {"host": "evil.example/localhost"},
        {"host": "192.168.1.7:8080"},
        {"host": "localhost:eight"},
        {"host": "localhost:8080", "origin": "http://evil.example"},
        {"host": "localhost:8080", "origin": "http://localhost:3000"},  # another program's page
        {"host": "localhost:8080", "origin": "http://127.0.0.1:8080"},
        {"host": "localhost:8080", "origin": "null"},
        {"host": "localhost:8080", "origin": ""},
    ],
)
def test_foreign_requests_are_refused(headers):
    assert refusal(Headers(headers))


def test_two_host_headers_are_refused():
    assert refusal(Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.example")]))


@pytest.mark.parametrize("path", ["/", "/healthz", "/stream.mjpg", "/snapshot.jpg", "/js/main.js", "/nowhere"])
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_every_path_refuses_foreign_requests(viewer, path, headers):
    response = get(viewer.url + path[1:], headers=headers)
    assert response.status_code == 403
    assert "refused" in response.text


@pytest.mark.parametrize(
    ("host", "origin"),
    [("localhost", "http://evil.example"), ("localhost", "null"), ("evil.example", None)],
)
def test_the_websocket_refuses_foreign_pages(viewer, host, origin):
    url = f"ws://{host}:{viewer.port}/ws"
    with (
        socket.create_connection(("127.0.0.1", viewer.port)) as connection,
        pytest.raises(InvalidStatus) as refused,
        connect(url, origin=origin, sock=connection),
    ):
        pass
    assert refused.value.response.status_code == 403


def test_the_websocket_accepts_the_own_page(viewer):
    with connect(viewer.websocket_url, origin=viewer.url.rstrip("/")) as page:  # type: ignore[arg-type]
        assert page.recv(timeout=TIMEOUT_S)


@pytest.mark.parametrize("path", ["", "healthz", "css/tokens.css", "nowhere"])
def test_every_response_carries_the_security_headers(viewer, path):
    headers = get(viewer.url + path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["../viewer/cli.py", "..%2fcli.py", "%2e%2e/cli.py", "/etc/passwd"])
def test_nothing_outside_the_page_is_served(viewer, path):
    assert get(viewer.url + path).status_code in (400, 403, 404)
