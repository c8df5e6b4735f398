"""Control, vehicle state, health and counters, from the newest messages of the broker."""

from typing import Any

import msgspec
from starlette.requests import Request

from lkas.integration.client import LKASClient
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.zmq import messages
from viewer.api.answers import ControlAnswer, HealthAnswer, StateAnswer, StatsAnswer
from viewer.api.endpoint import Answer, Endpoint
from viewer.bridge import Bridge
from viewer.hub import Hub

FRESH_S = 0.5


def endpoints(bridge: Bridge, hub: Hub, client: LKASClient) -> list[Endpoint]:
    async def control(request: Request) -> Answer:
        message, age_s, problem = _newest(bridge, hub, "control", messages.Control, "decision")
        fresh = age_s is not None and age_s <= FRESH_S
        content = ControlAnswer(age_s=age_s, fresh=fresh, control=message, problem=problem)
        return Answer(content=content, tag=_tag(message))

    async def state(request: Request) -> Answer:
        message, age_s, problem = _newest(bridge, hub, "state", messages.State, "a simulation")
        fresh = age_s is not None and age_s <= FRESH_S
        content = StateAnswer(age_s=age_s, fresh=fresh, state=message, problem=problem)
        return Answer(content=content, tag=message and f"{_tag(message)}-{message.paused}")

    async def health(request: Request) -> Answer:
        return Answer(content=_health(bridge, hub))

    async def stats(request: Request) -> Answer:
        try:
            channels = client.get_stats()
        except SHMError as error:  # a segment of another version
            channels = {"problem": str(error)}
        content = StatsAnswer(channels=channels, viewers=len(hub), malformed_messages=bridge.malformed)
        return Answer(content=content)

    return [
        Endpoint(
            path="/api/v1/control",
            summary="The newest command",
            handle=control,
            answers={200: ControlAnswer},
        ),
        Endpoint(
            path="/api/v1/state",
            summary="The newest vehicle state",
            handle=state,
            answers={200: StateAnswer},
        ),
        Endpoint(
            path="/api/v1/health",
            summary="Whether anybody steers, and if not, why; the processes",
            handle=health,
            answers={200: HealthAnswer},
        ),
        Endpoint(
            path="/api/v1/stats",
            summary="Counters of the channels and of this viewer",
            handle=stats,
            answers={200: StatsAnswer},
        ),
    ]


def _health(bridge: Bridge, hub: Hub) -> HealthAnswer:
    broker = bridge.broker_state()
    found = hub.newest("health")
    control = hub.newest("control")
    mode, reason = None, bridge.silence_reason() if not broker.alive else "decision has sent no command yet"
    if control is not None and broker.alive:
        text, age_s = control
        message = msgspec.json.decode(text, type=messages.Control)
        if age_s <= FRESH_S:
            mode, reason = str(message.mode), message.state_reason or str(message.mode)
        else:
            reason = f"decision has been silent for {age_s:.1f} s: no command is in force"
    return HealthAnswer(
        mode=mode,
        state_reason=reason,
        broker=broker,
        health=None if found is None else msgspec.json.decode(found[0], type=messages.Health),
    )


def _newest(bridge: Bridge, hub: Hub, topic: str, kind: type[Any], sender: str) -> tuple[Any, float | None, str | None]:
    """Return the newest message of a topic and its age in s; without one, why there is none."""
    found = hub.newest(topic)
    if found is None:
        alive = bridge.broker_state().alive
        return None, None, f"{sender} has sent nothing yet; `lkas status`" if alive else bridge.silence_reason()
    return msgspec.json.decode(found[0], type=kind), found[1], None


def _tag(message: Any) -> str | None:
    return message and f"{message.session}-{message.frame_id}-{message.timestamp}"
