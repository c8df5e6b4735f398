"""Host and Origin checks for HTTP and WebSocket, and security headers for every response.

Listening on loopback alone is not enough: any page open in the same browser can send requests to localhost. The Origin
header identifies such a page. The Host header identifies a page whose own name resolves to 127.0.0.1 (DNS rebinding).
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_FORBIDDEN = 403

RESPONSE_HEADERS = {
    # Camera images arrive over the WebSocket and are shown as blobs; nothing is loaded from another host.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # An <img> of another page sends no Origin: this header forbids it to show the camera.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def refusal(headers: Headers) -> str | None:
    """The reason why a request with these headers is refused, or None when it is allowed."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _hostname(hosts[0]) not in LOOPBACK_NAMES:
        return f"Host {', '.join(hosts) or '(none)'} refused: open this page as http://localhost:PORT/"
    for origin in headers.getlist("origin"):
        # Programs such as curl send no Origin; a browser sends that of the page.
        if origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}"):
            return f"Origin {origin} refused: only the viewer's own page is allowed"
    return None


class Guard:
    """ASGI middleware that refuses foreign requests and adds the security headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in RESPONSE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = refusal(Headers(scope=scope))
        app = self._app if reason is None else PlainTextResponse(reason + "\n", status_code=_FORBIDDEN)
        await app(scope, receive, send_with_headers)


def _hostname(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None when the header is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None
