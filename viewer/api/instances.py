"""The stacks of this user on this machine, by the segments of their channels."""

from starlette.requests import Request

from lkas.integration.shared_memory.segment import list_segments
from viewer.api.answers import Instance, InstanceList
from viewer.api.endpoint import Answer, Endpoint


def endpoints() -> list[Endpoint]:
    async def instances(request: Request) -> Answer:
        found: dict[str, dict[str, int | None]] = {}
        for segment in list_segments():
            if segment.kind == "channel":
                found.setdefault(segment.instance, {})[segment.name] = segment.writer_pid
        content = InstanceList(instances=[Instance(name=name, channels=found[name]) for name in sorted(found)])
        return Answer(content=content)

    return [
        Endpoint(
            path="/api/v1/instances",
            summary="The stacks on this machine",
            handle=instances,
            answers={200: InstanceList},
        )
    ]
