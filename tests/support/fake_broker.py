"""A small broker with the JSON messages of the real one on real ZMQ sockets, controlled by the test.

It generates a drive (frames, detections, control, state, health, parameters, events) and answers requests.
"""

import threading
import time

import cv2
import zmq

from lkas.detection.parameters import DetectionParameters
from lkas.frames import rightward, rightward_deg
from lkas.health import Percentiles
from lkas.integration.shared_memory.messages import ControlMode, DepartureStatus, LaneMessage
from lkas.integration.zmq import messages
from lkas.integration.zmq.ports import Ports
from lkas.parameters import Parameter, ParameterError, declared
from tests.support.drawn_road import LANE_WIDTH_M, DrawnRoad

SESSION = 4_503_599_627_370_497  # above 2**32, so that a page that truncates it to 32 bits fails
SPEED_MPS = 16.7
PATIENCE_S = 60.0


class FakeBroker:
    """Runs in its own thread within the context. The flags may be changed at any time."""

    def __init__(self, ports: Ports, *, rate_hz: float = 30.0) -> None:
        self.ports = ports
        self.has_frame_subscribers = False
        self._newest_image: tuple[float, dict] | None = None
        self._is_frozen = False
        self.frame_id = 0
        self.lines_px: list[list] = []  # of the newest frame: left, right
        self._frame_period_s = 1 / rate_hz
        self._road = DrawnRoad()
        self._table: dict[tuple[str, str], Parameter] = {
            (category, name): parameter
            for category, section in (("detection", DetectionParameters),)
            for name, parameter in declared(category, section).items()
        }
        self.reset()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fake broker", daemon=True)
        self._outgoing: list[list[bytes]] = []
        self._rounds = 0

    def reset(self) -> None:
        """Restore all flags and values of the start. What was sent stays sent."""
        self.frames_on = True
        self.jumps = False  # True: each frame is at another place, so that a wrong join of frame and lines is visible
        self.paused = False
        self.answers = True  # False: requests are not answered
        self.mode = ControlMode.LANE_KEEPING
        self.actions: list[str] = []
        self.values = {key: parameter.default for key, parameter in self._table.items()}

    def __enter__(self) -> "FakeBroker":
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def stop_frames(self) -> int:
        """Send no more frames. Returns the id of the last one, which was sent before this returns."""
        self.frames_on, self._is_frozen = False, True
        rounds, deadline_s = self._rounds, time.monotonic() + PATIENCE_S
        while self._rounds < rounds + 2:  # the first round may have read `frames_on` before
            assert time.monotonic() < deadline_s
            time.sleep(0.001)
        return self.frame_id

    def send(self, *parts: bytes) -> None:
        """Broadcast these parts unchanged, even malformed ones."""
        self._outgoing.append(list(parts))

    def event(self, name: str, level: str, process: str, text: str) -> None:
        event = messages.BroadcastEvent(timestamp=time.time(), name=name, level=level, process=process, text=text)
        self.send(b"event", messages.encode(event))

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        cv2.setNumThreads(1)
        context = zmq.Context()
        self._broadcast = context.socket(zmq.XPUB)
        self._broadcast.setsockopt(zmq.XPUB_VERBOSE, 1)
        self._broadcast.bind(self.ports.broadcast)
        routers = [context.socket(zmq.ROUTER), context.socket(zmq.ROUTER)]
        routers[0].bind(self.ports.actions)
        routers[1].bind(self.ports.parameters)
        sockets = [self._broadcast, *routers]
        for socket in sockets:
            socket.linger = 0
        poller = zmq.Poller()
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        self._ready.set()
        started_s = frame_due_s = health_due_s = time.monotonic()
        while not self._stop.is_set():
            for socket, _ in poller.poll(5):
                if socket is self._broadcast:
                    self._subscription(self._broadcast.recv())
                else:
                    self._request(socket, socket.recv_multipart(), is_action=socket is routers[0])
            while self._outgoing:
                self._broadcast.send_multipart(self._outgoing.pop(0))
            now_s = time.monotonic()
            if now_s >= frame_due_s:
                frame_due_s = max(frame_due_s + self._frame_period_s, now_s)
                self._drive(now_s - started_s)
            if now_s >= health_due_s:
                health_due_s = now_s + 0.25
                self._send("health", self._health())
            self._rounds += 1
        for socket in sockets:
            socket.close()
        context.term()

    def _send(self, topic: str, message: object, *parts: bytes) -> None:
        self._broadcast.send_multipart([topic.encode(), messages.encode(message), *parts])

    def _subscription(self, message: bytes) -> None:
        subscribed, topic = message[0] == 1, message[1:]
        if topic == b"frame":  # XPUB_VERBOSE reports each subscription, but only the last unsubscription
            self.has_frame_subscribers = subscribed
            is_still = self.paused or self._is_frozen
            if subscribed and is_still and self._newest_image is not None:  # as the real one, for a paused world
                self._send_frame(*self._newest_image)
        if subscribed and topic == b"parameters":
            self._send("parameters", self._parameters())

    def _drive(self, t_s: float) -> None:
        now_s = time.time()
        stamps = {"session": SESSION, "frame_id": self.frame_id, "timestamp": now_s}
        if self.frames_on and not self.paused:
            self.frame_id += 1
            t_s = self.frame_id * 1.7 if self.jumps else t_s
            stamps["frame_id"] = self.frame_id
            self._newest_image = t_s, dict(stamps)
            if self.has_frame_subscribers:
                self._send_frame(*self._newest_image)
            self._send("detection", self._detection(t_s, stamps))
            self._send("control", self._control(t_s, stamps))
        state = messages.State(
            speed=0.0 if self.paused else SPEED_MPS + 0.4 * self._road.offset_m(0.4 * t_s),
            steering=-0.3 * self._road.heading_rad(t_s) / 0.01,
            throttle=0.22,
            brake=0.0,
            lateral_offset=rightward(self._road.offset_m(t_s)) / LANE_WIDTH_M,
            heading_angle=rightward_deg(self._road.heading_rad(t_s)),
            departure_status=DepartureStatus.CENTERED,
            paused=self.paused,
            **stamps,
        )
        self._send("state", state)

    def _send_frame(self, t_s: float, stamps: dict) -> None:
        image = self._road.draw(t_s, SPEED_MPS)
        _, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
        self._send("frame", messages.FrameHeader(width=800, height=600, **stamps), jpeg.tobytes())

    def _detection(self, t_s: float, stamps: dict) -> messages.Detection:
        lines_px = [self._road.line_px(side, t_s) for side in (1, -1)]
        self.lines_px = [line.tolist() for line in lines_px]
        left, right = (
            LaneMessage(*map(float, line[0]), *map(float, line[-1]), confidence)
            for line, confidence in zip(lines_px, (0.81, 0.96), strict=True)
        )
        return messages.Detection(
            left_lane=left,
            right_lane=right,
            processing_time_ms=4.2,
            left_line_px=self.lines_px[0],
            right_line_px=self.lines_px[1],
            **stamps,
        )

    def _control(self, t_s: float, stamps: dict) -> messages.Control:
        offset_m = self._road.offset_m(t_s)
        return messages.Control(
            steering=-0.3 * self._road.heading_rad(t_s) / 0.01 + 0.02,
            throttle=0.22,
            brake=0.0,
            mode=self.mode,
            lateral_offset=rightward(offset_m) / LANE_WIDTH_M,
            lateral_offset_meters=rightward(offset_m),
            heading_angle=rightward_deg(self._road.heading_rad(t_s)),
            departure_status=DepartureStatus.DRIFT if abs(offset_m) > 0.25 else DepartureStatus.CENTERED,
            curvature=self._road.curvature_radpm(t_s),
            ttlc_left_s=2.4 if offset_m > 0.25 else None,
            state_reason="both lines" if self.mode is ControlMode.LANE_KEEPING else "left line lost for 0.4 s",
            **stamps,
        )

    def _health(self) -> messages.Health:
        def process(name: str, pid: int, rate_hz: float, age_ms: float, restarts: int) -> messages.ProcessHealth:
            return messages.ProcessHealth(
                name=name, pid=pid, state="running", rate_hz=rate_hz, age_ms=age_ms, restarts=restarts
            )

        return messages.Health(
            timestamp=time.time(),
            processes=[
                process("simulation", 4101, 100.0, 3.1, 0),
                process("detection", 4102, 30.0, 8.4, 0),
                process("decision", 4103, 100.0, 4.9, 1),
                process("broker", 4104, 30.0, 1.2, 0),
            ],
            latency_ms={
                "detection": Percentiles(4.2, 7.9),
                "frame_to_control": Percentiles(6.1, 12.4),
                "pose_to_control": Percentiles(14.8, 23.0),
            },
        )

    def _parameters(self) -> messages.Parameters:
        method = self.values["detection", "method"]
        states = [
            messages.ParameterState(
                **{field: getattr(parameter, field) for field in parameter.__struct_fields__},
                value=self.values[key],
                active=not parameter.used_by or method in parameter.used_by,
            )
            for key, parameter in self._table.items()
        ]
        return messages.Parameters(timestamp=time.time(), parameters=states, revisions={"detection": 1})

    # ------------------------------------------------------------ requests

    def _request(self, socket: zmq.Socket, parts: list[bytes], *, is_action: bool) -> None:
        if not self.answers:
            return
        if is_action:
            acks = self._act(messages.decode_action(parts[-1]))
        else:
            acks = [self._set(messages.decode_parameter(parts[-1]))]
        for ack in acks:
            socket.send_multipart([*parts[:-1], messages.encode(ack)])

    def _act(self, request: messages.ActionRequest) -> list[messages.Ack]:
        if request.action not in ("pause", "resume", "respawn"):
            error = f"{request.action}: no such action; known are pause, resume, respawn"
            return [messages.Ack(request_id=request.request_id, ok=False, error=error)]
        self.actions.append(request.action)
        if request.action != "respawn":
            self.paused = request.action == "pause"
        self.event(request.action, "info", "simulation", f"{request.action} by a viewer")
        accepted = messages.Ack(request_id=request.request_id, ok=True)
        return [accepted, messages.Ack(request_id=request.request_id, ok=True, applied=True)]

    def _set(self, request: messages.ParameterRequest) -> messages.Ack:
        key = request.category, request.name
        try:
            if key not in self._table:
                raise ParameterError(f"{request.category}.{request.name}: no such parameter")
            self.values[key] = self._table[key].check(request.value)
        except ParameterError as error:
            return messages.Ack(request_id=request.request_id, ok=False, error=str(error))
        self._send("parameters", self._parameters())
        used_by = self._table[key].used_by
        active = not used_by or self.values["detection", "method"] in used_by
        return messages.Ack(request_id=request.request_id, ok=True, applied=self.values[key], active=active)
