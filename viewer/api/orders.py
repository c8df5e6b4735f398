"""Parameters and actions: read, change, reset, carry out. Each order gets the broker's answer."""

import asyncio
import time

import msgspec
from starlette.requests import Request

from lkas.integration.zmq import messages
from lkas.parameters import suggestion
from viewer.api.answers import Done, NewAction, NewValue, ParameterList
from viewer.api.endpoint import Answer, Endpoint, Query
from viewer.api.problem import ApiError
from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox
from viewer.wire import PageAck

WAIT = Query(
    name="wait",
    description="How long to wait for the result, in s; then the answer is 202.",
    default=5.0,
    minimum=0.0,
    maximum=31.0,
)
MAX_ORDERS_PER_S = 50
REQUEST_ID = "rest"
PARAMETER_PATH = "/api/v1/parameters/{category}/{name}"


class Orders:
    """Sends the orders of REST clients to the broker."""

    def __init__(self, bridge: Bridge, hub: Hub) -> None:
        self._bridge = bridge
        self._hub = hub
        self._second, self._count = 0, 0

    def endpoints(self) -> list[Endpoint]:
        order = {"failures": (404, 409, 422, 429, 503, 504), "query": (WAIT,), "answers": {200: Done, 202: Done}}
        return [
            Endpoint(
                path="/api/v1/parameters",
                summary="All parameters with values, ranges and units",
                handle=self._list,
                answers={200: ParameterList},
            ),
            Endpoint(
                path=PARAMETER_PATH,
                summary="One parameter",
                handle=self._get,
                answers={200: messages.ParameterState},
                failures=(404,),
            ),
            Endpoint(
                path=PARAMETER_PATH,
                method="PUT",
                summary="Change a parameter while the program runs",
                handle=self._set,
                body=NewValue,
                **order,
            ),
            Endpoint(
                path=f"{PARAMETER_PATH}/reset",
                method="POST",
                summary="Give a parameter its declared default",
                handle=self._reset,
                **order,
            ),
            Endpoint(
                path="/api/v1/actions",
                method="POST",
                summary="Carry out an action: pause, resume, respawn, override, indicator",
                handle=self._act,
                body=NewAction,
                **order,
            ),
        ]

    async def _list(self, request: Request) -> Answer:
        table = self._table()
        if table is None:
            return Answer(content=ParameterList(parameters=[], revisions={}, problem=self._why_none()))
        tag = "-".join(f"{name}.{revision}" for name, revision in sorted(table.revisions.items()))
        return Answer(content=ParameterList(parameters=table.parameters, revisions=table.revisions), tag=tag)

    async def _get(self, request: Request) -> Answer:
        return Answer(content=self._parameter(request))

    async def _set(self, request: Request, new: NewValue) -> Answer:
        return await self._change(request, new.value)

    async def _reset(self, request: Request) -> Answer:
        return await self._change(request, self._parameter(request).default)

    async def _change(self, request: Request, value: messages.Value) -> Answer:
        parameter = self._parameter(request)
        return await self._ordered(
            request,
            messages.ParameterRequest(
                category=parameter.category, name=parameter.name, value=value, request_id=REQUEST_ID
            ),
        )

    async def _act(self, request: Request, new: NewAction) -> Answer:
        return await self._ordered(
            request, messages.ActionRequest(action=new.action, params=new.params, request_id=REQUEST_ID)
        )

    async def _ordered(self, request: Request, message: messages.ActionRequest | messages.ParameterRequest) -> Answer:
        wait_s = WAIT.read(request)
        self._count_order()
        outbox = Outbox()
        await self._bridge.send(outbox, message)
        deadline_s = time.monotonic() + wait_s
        first = await self._ack(outbox)
        final = first
        if first.ok and first.applied is None and wait_s > 0:
            try:
                async with asyncio.timeout(max(0.0, deadline_s - time.monotonic())):
                    final = await self._ack(outbox)
            except TimeoutError:
                final = first
        if not final.ok:
            raise ApiError(_status_of(final.error or ""), final.error or "refused")
        done = Done(applied=final.applied, active=final.active)
        is_done = final.applied is not None or final is not first
        return Answer(content=done, status=200 if is_done else 202)

    async def _ack(self, outbox: Outbox) -> PageAck:
        text = await outbox.next()
        assert isinstance(text, str)  # the outbox is not closed, and gets answers only
        return msgspec.json.decode(text, type=PageAck)

    def _count_order(self) -> None:
        second = int(time.monotonic())
        self._second, self._count = second, self._count + 1 if second == self._second else 1
        if self._count > MAX_ORDERS_PER_S:
            raise ApiError(429, f"more than {MAX_ORDERS_PER_S} orders per second", {"Retry-After": "1"})

    def _table(self) -> messages.Parameters | None:
        found = self._hub.newest("parameters")
        return None if found is None else msgspec.json.decode(found[0], type=messages.Parameters)

    def _why_none(self) -> str:
        return (
            "no process has declared parameters yet"
            if self._bridge.broker_state().alive
            else self._bridge.silence_reason()
        )

    def _parameter(self, request: Request) -> messages.ParameterState:
        name = "{category}.{name}".format(**request.path_params)
        table = self._table()
        if table is None:
            raise ApiError(404, f"{name}: {self._why_none()}", {"Retry-After": "1"})
        known = {f"{entry.category}.{entry.name}": entry for entry in table.parameters}
        if name not in known:
            raise ApiError(404, f"{name}: no such parameter{suggestion(name, known, 'GET /api/v1/parameters')}")
        return known[name]


def _status_of(error: str) -> int:
    """Return the HTTP status for a refusal of the broker."""
    if "did not answer" in error or "no answer" in error or "not done within" in error:
        return 504
    if "not connected" in error or "busy" in error or "pending" in error:
        return 503
    if "no such" in error:
        return 404
    return 422 if "expected" in error else 409
