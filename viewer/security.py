"""Host and Origin checks for HTTP and WebSocket, and security headers for every response.

Listening on loopback alone is not enough: any page open in the same browser can send requests to localhost. The Origin
header identifies such a page. The Host header identifies a page whose own name resolves to 127.0.0.1 (DNS rebinding).
"""

import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.api.problem import problem_response

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_FORBIDDEN = 403
MAX_LOGGED = 20  # different refusals

logger = logging.getLogger(__name__)

RESPONSE_HEADERS = {
    # Camera images arrive over the WebSocket and are shown as blobs; nothing is loaded from another host.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    # An <img> of another page sends no Origin, and old browsers no Sec-Fetch-Site: this header forbids it to show it.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def refusal(headers: Headers, allowed: frozenset[str] = frozenset()) -> str | None:
    """The reason why a request with these headers is refused, or None when it is allowed.

    `allowed` are host names besides those of loopback.
    """
    names = LOOPBACK_NAMES | allowed
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return "a request of another site refused: only the viewer's own page shows the camera"
    hosts = headers.getlist("host")
    if len(hosts) != 1 or _hostname(hosts[0]) not in names:
        return (
            f"Host {', '.join(hosts) or '(none)'} refused: open this page as http://localhost:PORT/, or name the host "
            "in viewer.allowed_hosts"
        )
    for origin in headers.getlist("origin"):
        # Programs such as curl send no Origin; a browser sends that of the page.
        is_own = origin in (f"http://{hosts[0]}", f"https://{hosts[0]}")
        if not is_own and _hostname(origin.partition("://")[2]) not in allowed:
            return (
                f"Origin {origin} refused: only the viewer's own page is allowed; when a proxy or tunnel serves it "
                "under that name, add the name to viewer.allowed_hosts"
            )
    return None


class Guard:
    """ASGI middleware that refuses foreign requests and adds the security headers to every response."""

    def __init__(self, app: ASGIApp, allowed_hosts: str = "") -> None:
        self._app = app
        self._allowed = frozenset(name.strip().lower() for name in allowed_hosts.split(",") if name.strip())
        self._logged: set[str] = set()

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

        reason = refusal(Headers(scope=scope), self._allowed)
        if reason is not None:
            self._log_once(reason)
        app = self._app if reason is None else problem_response(_FORBIDDEN, reason)
        await app(scope, receive, send_with_headers)

    def _log_once(self, reason: str) -> None:
        if reason not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add(reason)
            logger.warning("%s", reason)


def _hostname(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None when the header is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and parts.username is None else None
