"""`/metrics` for Prometheus (extra `metrics`), from the newest messages of the broker."""

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lkas.integration.zmq import messages
from viewer.api.problem import problem_response
from viewer.bridge import Bridge
from viewer.hub import Hub
from viewer.tiers import Tiers

FRESH_S = 2.0


def route(bridge: Bridge, hub: Hub, tiers: Tiers) -> Route:
    async def metrics(request: Request) -> Response:
        try:
            from prometheus_client import CollectorRegistry, generate_latest
            from prometheus_client.exposition import CONTENT_TYPE_LATEST
        except ImportError:
            return problem_response(501, 'prometheus-client is not installed: pip install "lkas[metrics]"')
        registry = CollectorRegistry()
        registry.register(_Collector(bridge, hub, tiers))
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Route("/metrics", metrics)


class _Collector:
    """Names and units by the rules of Prometheus: base units, and _total for counters."""

    def __init__(self, bridge: Bridge, hub: Hub, tiers: Tiers) -> None:
        self._bridge = bridge
        self._hub = hub
        self._tiers = tiers

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        is_up = self._bridge.broker_state().alive
        yield GaugeMetricFamily("lkas_broker_up", "1 while messages of the broker arrive", is_up)
        yield GaugeMetricFamily("lkas_viewer_clients", "Pages and streams that are served", len(self._hub))
        yield CounterMetricFamily("lkas_viewer_malformed_messages", "Ignored broadcasts", self._bridge.malformed)
        yield CounterMetricFamily("lkas_viewer_encoded_frames", "Frames encoded for tiers", self._tiers.encoded)
        yield CounterMetricFamily("lkas_events", "Events since the viewer started", self._hub.events.last)
        health = self._newest("health", messages.Health)
        if health is not None:
            yield from _of_processes(health)
        control = self._newest("control", messages.Control)
        if control is not None:
            yield from _of_control(control)
        state = self._newest("state", messages.State)
        if state is not None and state.speed is not None:
            yield GaugeMetricFamily("lkas_speed_meters_per_second", "Speed of the car", state.speed)

    def _newest(self, topic: str, kind: type[Any]) -> Any:
        found = self._hub.newest(topic)
        return None if found is None or found[1] > FRESH_S else msgspec.json.decode(found[0], type=kind)


def _of_processes(health: messages.Health) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    rate = GaugeMetricFamily("lkas_process_rate_hertz", "Cycles per second of a process", labels=["process"])
    age = GaugeMetricFamily("lkas_process_input_age_seconds", "Age of its newest input", labels=["process"])
    restarts = CounterMetricFamily("lkas_process_restarts", "Restarts by its supervisor", labels=["process"])
    for process in health.processes:
        for family, value in ((rate, process.rate_hz), (restarts, process.restarts)):
            if value is not None:
                family.add_metric([process.name], value)
        if process.age_ms is not None:
            age.add_metric([process.name], process.age_ms / 1e3)
    latency = GaugeMetricFamily("lkas_latency_seconds", "Latency of a stage", labels=["stage", "quantile"])
    for stage, percentiles in health.latency_ms.items():
        latency.add_metric([stage, "0.5"], percentiles.p50 / 1e3)
        latency.add_metric([stage, "0.99"], percentiles.p99 / 1e3)
    yield from (rate, age, restarts, latency)


def _of_control(control: messages.Control) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily

    mode = GaugeMetricFamily("lkas_mode", "1 for the mode of the newest command", labels=["mode"])
    mode.add_metric([str(control.mode)], 1)
    yield mode
    yield GaugeMetricFamily("lkas_steering_ratio", "Commanded steering, right is positive", control.steering)
    if control.lateral_offset_meters is not None:
        yield GaugeMetricFamily(
            "lkas_lateral_offset_meters",
            "Offset from the lane's centre, right is positive",
            control.lateral_offset_meters,
        )
