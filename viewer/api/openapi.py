"""The OpenAPI 3.1 document of the API, from the declarations of its endpoints, and a page that lists them."""

import re
from collections.abc import Sequence
from html import escape
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

import lkas
from viewer.api.endpoint import JSON, Endpoint
from viewer.api.problem import MEDIA_TYPE, Problem


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document. Each alias is a path of its own."""
    types = [Problem, *(kind for endpoint in endpoints for kind in _types_of(endpoint))]
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        for path in (endpoint.path, *endpoint.aliases):
            paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint, path, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "lkas", "version": lkas.__version__, "description": "Lane keeping assist: data and orders."},
        "paths": paths,
        "components": {"schemas": components},
    }


def routes(endpoints: Sequence[Endpoint]) -> list[Route]:
    found = document(endpoints)

    async def openapi(request: Request) -> Response:
        return JSONResponse(found)

    async def page(request: Request) -> Response:
        return HTMLResponse(_page(endpoints))

    return [Route("/api/openapi.json", openapi), Route("/api", page)]


def _operation(endpoint: Endpoint, path: str, schema_of: dict[str, Any]) -> dict[str, Any]:
    words = re.findall(r"\w+", path.removeprefix("/api/"))
    operation: dict[str, Any] = {
        "operationId": "_".join([endpoint.method.lower(), *words]),
        "summary": endpoint.summary,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _names(path)),
            *(
                {
                    "name": query.name,
                    "in": "query",
                    "description": query.description,
                    "schema": {
                        "type": "integer" if query.is_whole else "number",
                        "default": query.default,
                        "minimum": query.minimum,
                        "maximum": query.maximum,
                    },
                }
                for query in endpoint.query
            ),
        ],
        "responses": {
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": {JSON: {"schema": schema_of[repr(kind)]}},
                }
                for status, kind in endpoint.answers.items()
            },
            **({"304": {"description": "Not Modified"}} if endpoint.method == "GET" else {}),
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": {MEDIA_TYPE: {"schema": schema_of[repr(Problem)]}},
                }
                for status in endpoint.all_failures
            },
        },
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema_of[repr(endpoint.body)]}}}
    return operation


def _types_of(endpoint: Endpoint) -> list[Any]:
    return [*endpoint.answers.values(), *([] if endpoint.body is None else [endpoint.body])]


def _names(path: str) -> list[str]:
    return re.findall(r"{(\w+)}", path)


def _page(endpoints: Sequence[Endpoint]) -> str:
    rows = "".join(
        f"<tr><td>{endpoint.method}</td><td><code>{escape(path)}</code></td><td>{escape(endpoint.summary)}</td></tr>"
        for endpoint in endpoints
        for path in (endpoint.path, *endpoint.aliases)
    )
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>lkas API</title>"
        "<h1>lkas API</h1>"
        "<p><a href='api/openapi.json'>OpenAPI 3.1 document</a></p>"
        f"<table><thead><tr><th>Method</th><th>Path</th><th>Purpose</th></tr></thead><tbody>{rows}</tbody></table></html>"
    )
