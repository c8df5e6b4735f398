"""One declaration per endpoint: its route, the checks of a request, and its part of the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from viewer.api.problem import ApiError, problem_response

MAX_BODY_BYTES = 131_072
JSON = "application/json"

T = TypeVar("T")


class Query(Struct, frozen=True, kw_only=True):
    """A number in the query of a request."""

    name: str
    description: str
    default: float
    minimum: float
    maximum: float
    is_whole: bool = False

    def read(self, request: Request) -> float:
        """Return the number that a request gives, or the default. Raises ApiError."""
        texts = request.query_params.getlist(self.name)
        if not texts:
            return self.default
        try:
            value = int(texts[-1]) if self.is_whole else float(texts[-1])
        except ValueError:
            value = float("nan")
        if len(texts) > 1 or not self.minimum <= value <= self.maximum:
            kind = "one whole number" if self.is_whole else "one number"
            raise ApiError(
                400, f"{self.name}={','.join(texts)}: expected {kind} from {self.minimum:g} to {self.maximum:g}"
            )
        return value


class Answer(Struct, frozen=True, kw_only=True):
    """What a handler returns: a struct, its status, and the tag that stays equal while it has not changed."""

    content: Any
    tag: str | None = None
    status: int = 200


class Endpoint(Struct, frozen=True, kw_only=True):
    """A method of a path. `handle` gets the request and, with a `body`, the decoded struct."""

    path: str
    summary: str
    handle: Callable[..., Awaitable[Answer]]
    answers: Mapping[int, Any]  # type of the content by status
    method: str = "GET"
    body: Any = None
    query: tuple[Query, ...] = ()
    failures: tuple[int, ...] = ()
    aliases: tuple[str, ...] = ()

    def routes(self) -> list[Route]:
        return [Route(path, self._respond, methods=[self.method]) for path in (self.path, *self.aliases)]

    @property
    def all_failures(self) -> tuple[int, ...]:
        """Every error status, with those of the checks that each request meets."""
        checks = {403, *({400} if self.query else ()), *({400, 413, 415, 422, 429} if self.body is not None else ())}
        return tuple(sorted({*self.failures, *checks}))

    async def _respond(self, request: Request) -> Response:
        try:
            arguments = [] if self.body is None else [await _decoded(request, self.body)]
            answer = await self.handle(request, *arguments)
        except ApiError as error:
            return problem_response(error.status, error.detail, error.headers)
        headers = {} if answer.tag is None else {"ETag": f'"{answer.tag}"'}
        if answer.tag is not None and headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = msgspec.json.encode(answer.content)
        return Response(content, status_code=answer.status, media_type=JSON, headers=headers)


async def _decoded(request: Request, kind: type[T]) -> T:
    """Return the body of a request. Raises ApiError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise ApiError(415, f"Content-Type: expected {JSON}, found {request.headers.get('content-type', 'none')!r}")
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise ApiError(413, f"the body has more than {MAX_BODY_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise ApiError(422, f"the body: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}") from error
