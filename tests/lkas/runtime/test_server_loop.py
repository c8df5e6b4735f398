"""The loop of the server processes, with a scripted server, channels and broker."""

import contextlib
from typing import Any

from msgspec import Struct

from lkas.clock import FakeClock
from lkas.runtime.server_loop import Level, run
from lkas.runtime.status import STATUS_PERIOD_S, ProcessStatus


class ScriptedEvent(Struct, frozen=True):
    name: str
    level: Level
    text: str


class Recorder:
    """Child, server, channels and broker endpoint at once. Records the calls; each read takes `read_s`."""

    def __init__(self, cycles: int, read_s: float = 0.1) -> None:
        self.clock = FakeClock()
        self.calls: list[Any] = []
        self.events: list[ScriptedEvent] = []
        self.stopping = False
        self.wait_s = 0.25
        self._cycles, self._read_s = cycles, read_s

    def heartbeat(self) -> None:
        self.calls.append("heartbeat")
        self._cycles -= 1
        self.stopping = self._cycles <= 0

    @contextlib.contextmanager
    def read(self, timeout_s):
        self.clock.advance(self._read_s)
        self.calls.append(("read", timeout_s))
        yield "input"
        self.calls.append("released")

    def step(self, inputs):
        yield f"{inputs} 1"
        self.calls.append("between")
        yield f"{inputs} 2"

    def write(self, message) -> None:
        self.calls.append(("write", message))

    def take_events(self):
        events, self.events = self.events, []
        return events

    def status(self) -> ProcessStatus:
        return ProcessStatus(state="running", rate_hz=30.0)

    def send_status(self, state, rate_hz=None, age_ms=None, latency_ms=None) -> None:
        self.calls.append(("status", state, rate_hz, self.clock.now_ns() / 1e9))

    def send_event(self, name, level, text) -> None:
        self.calls.append(("event", name, level, text))

    def poll(self) -> None:
        self.calls.append("poll")


def serve(recorder: Any, *, has_broker: bool = True) -> None:
    run(recorder, recorder, recorder, recorder if has_broker else None, recorder.clock)


def test_each_message_is_written_before_the_next_is_computed():
    recorder = Recorder(cycles=1)
    serve(recorder, has_broker=False)
    written = [("write", "input 1"), "between", ("write", "input 2")]
    assert recorder.calls == ["heartbeat", ("read", 0.25), *written, "released"]


def test_events_are_logged_and_sent(caplog):
    caplog.set_level("INFO")
    recorder = Recorder(cycles=2)
    recorder.events = [ScriptedEvent("mode", "info", "standby"), ScriptedEvent("fault", "error", "no frames")]
    serve(recorder)
    sent = [call for call in recorder.calls if call[0] == "event"]
    assert sent == [("event", "mode", "info", "standby"), ("event", "fault", "error", "no frames")]
    assert [(r.levelname, r.message) for r in caplog.records] == [("INFO", "standby"), ("WARNING", "no frames")]


def test_the_status_is_sent_once_per_period_and_requests_are_polled_every_cycle():
    recorder = Recorder(cycles=12)
    serve(recorder)
    times_s = [call[3] for call in recorder.calls if call[0] == "status"]
    assert times_s == [0.1, 0.6, 1.1]
    assert STATUS_PERIOD_S == 0.5
    assert recorder.calls.count("poll") == recorder.calls.count("heartbeat") == 12
