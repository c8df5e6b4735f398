"""SimulationLink: a simulator's own loop on one side, lkas on the other. It needs NumPy and msgspec, nothing more.

    with SimulationLink(width=640, height=480, hfov_deg=70, camera_height_m=1.4, max_steer_deg=35) as link:
        while running:
            control = link.step(image, speed_mps=speed, yaw_rate_radps=yaw_rate, time_s=time)
            vehicle.apply(control.steering, control.throttle, control.brake)

It writes camera_feed and vehicle_state and reads vehicle_control. With `wait=True` a step returns the command that
answers its own image, so a simulator of any speed drives in lock-step; without, the newest command in real time.
"""

import logging
import math
import os
import secrets
import time
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from lkas.integration.shared_memory.channels import ControlChannel, ImageChannel, VehicleChannel
from lkas.integration.shared_memory.errors import SHMTimeoutError
from lkas.integration.shared_memory.messages import CameraGeometry, ControlMessage, ControlMode, VehicleState
from lkas.integration.shared_memory.segment import list_segments
from lkas.integration.shared_memory.stamps import is_unstamped, stamped_control

logger = logging.getLogger(__name__)

REMINDER_S = 2.0  # a step that waits says so after this, and again after each further one
STATE_REPEAT_S = 0.1  # a world that waits says that its time stands, so that none of the processes counts on
IMAGE_REPEAT_S = 0.5  # a process that attaches or restarts meanwhile has not seen the image
RATE_WINDOW_S = 1.0
MIN_RATE = 1e-3
FIRST_TICK_S = 0.05  # before two times are known
EXPIRED_BRAKE = 0.3  # with no valid command the car slows down and stops, as the worlds of `simulation` do


class SimulationLink:
    """Connects one simulated (or real) car with lkas. One thread at a time; close it with `stop` or `with`.

    | Argument | Meaning |
    |---|---|
    | `width`, `height` | image size in pixels |
    | `hfov_deg` | horizontal field of view |
    | `camera_height_m` | height of the camera above the ground |
    | `camera_pitch_deg` | positive looks down |
    | `camera_x_m`, `camera_y_m` | ahead and left of the ego origin, the ground below the centre of gravity |
    | `max_steer_deg` | road-wheel angle of steering = 1 |
    | `left_positive` | the sign of your yaw rate, steering angle and of the `steering` that comes back: True is left |
    | `instance`, `directory` | which stack, and where its segments are; as for every channel |

    Raises ValueError for a value that is not finite or out of range, SHMWriterExistsError when another simulation
    writes these channels.
    """

    def __init__(
        self,
        *,
        width: int,
        height: int,
        hfov_deg: float = 70.0,
        camera_height_m: float = 1.4,
        camera_pitch_deg: float = 0.0,
        camera_x_m: float = 0.0,
        camera_y_m: float = 0.0,
        max_steer_deg: float = 35.0,
        left_positive: bool = True,
        instance: str | None = None,
        directory: str | os.PathLike[str] | None = None,
    ) -> None:
        self._camera = CameraGeometry(
            focal_px=width / 2 / math.tan(math.radians(_in_range("hfov_deg", hfov_deg, 1.0, 179.0)) / 2),
            cx_px=width / 2 - 0.5,
            cy_px=height / 2 - 0.5,
            height_m=_in_range("camera_height_m", camera_height_m, 0.01, 10.0),
            pitch_rad=math.radians(_in_range("camera_pitch_deg", camera_pitch_deg, -89.0, 89.0)),
            x_m=_in_range("camera_x_m", camera_x_m, -20.0, 20.0),
            y_m=_in_range("camera_y_m", camera_y_m, -20.0, 20.0),
        )
        self._max_steer_rad = math.radians(_in_range("max_steer_deg", max_steer_deg, 0.1, 89.0))
        self._sign = 1.0 if left_positive else -1.0
        self._session = secrets.randbits(52) + 1
        self._frame_id = 0
        self._time_s: float | None = None
        self._tick_s = FIRST_TICK_S
        self._rate = 1.0
        self._rate_start: tuple[float, int] | None = None  # world s, monotonic ns
        self._control: ControlMessage | None = None  # newest, in the sign of the messages
        options: dict[str, Any] = {"instance": instance, "directory": directory}
        self._images = ImageChannel(create=True, width=width, height=height, channels=3, **options)
        try:
            self._states = VehicleChannel(create=True, **options)
        except BaseException:
            self._remove(self._images)
            raise
        self._controls = ControlChannel(create=False, **options)
        self.is_open = True

    def step(
        self,
        image: Any = None,
        *,
        speed_mps: float,
        yaw_rate_radps: float | None = None,
        steering_angle_rad: float | None = None,
        time_s: float | None = None,
        wait: bool = False,
        timeout_s: float = 60.0,
    ) -> ControlMessage:
        """Publish one state of the car, and an image where there is one; return the command to apply.

        `image` is (height, width, 3) uint8 RGB and is copied. `time_s` is the simulator's own time in seconds and
        never goes back; None is real time. `wait=True` waits for the command that answers this image: after 2 s it
        logs what is missing, after `timeout_s` it raises SHMTimeoutError that says the same.

        In the command, steering is within [-1, 1] of `max_steer_deg` in the sign that `left_positive` chose, throttle
        and brake are within [0, 1]. Without a valid command it is a brake with the last steering, mode STANDBY and a
        `state_reason`. Raises ValueError for values that are not finite, a time that goes back, another image shape.
        """
        now_ns = time.monotonic_ns()
        self._advance(now_ns / 1e9 if time_s is None else _finite("time_s", time_s), now_ns)
        world_s = self._time_s
        assert world_s is not None
        yaw = None if yaw_rate_radps is None else self._sign * _finite("yaw_rate_radps", yaw_rate_radps)
        wheel = None if steering_angle_rad is None else self._sign * _finite("steering_angle_rad", steering_angle_rad)
        state = VehicleState(
            session=self._session,
            frame_id=self._frame_id,
            timestamp=world_s,
            capture_ns=now_ns,
            speed_mps=_finite("speed_mps", speed_mps),
            yaw_rate_radps=yaw,
            steering_angle_rad=wheel,
            max_steer_rad=self._max_steer_rad,
            rate=self._rate,
            tick_s=self._tick_s,
            camera=self._camera,
        )
        self._states.write(state)
        if image is not None:
            self._frame_id += 1
            self._publish(image, now_ns)
            if wait:
                self._wait_for_answer(image, state, timeout_s)
        self._take(self._controls.read())
        return self._in_force(world_s)

    def stop(self) -> None:
        """Remove the channels; calling it again does nothing."""
        if self.is_open:
            self.is_open = False
            self._controls.close()
            self._remove(self._states)
            self._remove(self._images)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _advance(self, time_s: float, now_ns: int) -> None:
        if self._time_s is not None:
            if time_s < self._time_s:
                raise ValueError(
                    f"time_s={time_s:g}: simulated time cannot go back, it was {self._time_s:g}; "
                    "make a new SimulationLink after a reset"
                )
            if time_s > self._time_s:
                self._tick_s = time_s - self._time_s
        self._time_s = time_s
        if self._rate_start is None:
            self._rate_start = time_s, now_ns
        start_s, start_ns = self._rate_start
        elapsed_s = (now_ns - start_ns) / 1e9
        if elapsed_s >= RATE_WINDOW_S:
            self._rate = max(MIN_RATE, (time_s - start_s) / elapsed_s)
            self._rate_start = time_s, now_ns

    def _publish(self, image: Any, capture_ns: int) -> None:
        assert self._time_s is not None
        self._images.write(
            image, frame_id=self._frame_id, timestamp=self._time_s, capture_ns=capture_ns, session=self._session
        )

    def _wait_for_answer(self, image: Any, state: VehicleState, timeout_s: float) -> None:
        """Read commands until one answers the newest image."""
        start_s = time.monotonic()
        state_due_s, image_due_s, reminder_s = start_s + STATE_REPEAT_S, start_s + IMAGE_REPEAT_S, start_s + REMINDER_S
        while not self._take(self._controls.read(timeout=STATE_REPEAT_S), state.capture_ns):
            now_s = time.monotonic()
            if now_s >= state_due_s:
                state_due_s = now_s + STATE_REPEAT_S
                self._states.write(state)
            if now_s >= image_due_s:
                image_due_s = now_s + IMAGE_REPEAT_S
                self._publish(image, state.capture_ns)
            if now_s >= start_s + timeout_s:
                raise SHMTimeoutError(
                    f"no command answered image {self._frame_id} within {timeout_s:g} s: {self._missing()}"
                )
            if now_s >= reminder_s:
                reminder_s = now_s + REMINDER_S
                logger.warning(
                    "image %d: waiting for its command for %.0f s: %s", self._frame_id, now_s - start_s, self._missing()
                )

    def _take(self, control: ControlMessage | None, written_ns: int = 0) -> bool:
        """Keep a command of this world; return whether it answers the newest image."""
        if control is None or control.session not in (0, self._session):
            return False
        assert self._time_s is not None
        answers = control.frame_id >= self._frame_id or (is_unstamped(control) and control.publish_ns >= written_ns)
        self._control = stamped_control(control, self._time_s, self._session)
        return answers

    def _in_force(self, world_s: float) -> ControlMessage:
        """Return the newest command while it is valid, else a brake; in the simulator's sign."""
        control = self._control
        if control is None:
            control = ControlMessage(
                steering=0.0, throttle=0.0, brake=0.0, mode=ControlMode.STANDBY, state_reason=self._missing()
            )
        elif control.valid_until < world_s or not math.isfinite(control.steering + control.throttle + control.brake):
            steering = control.steering if math.isfinite(control.steering) else 0.0
            control = replace(
                control,
                steering=steering,
                throttle=0.0,
                brake=EXPIRED_BRAKE,
                mode=ControlMode.STANDBY,
                state_reason=self._missing(),
            )
        return replace(control, steering=-self._sign * control.steering)

    def _missing(self) -> str:
        """Which process is silent, for people."""
        segments = list_segments(os.path.dirname(self._images.path), self._images.instance)
        alive = {segment.name for segment in segments if segment.writer_pid is not None}
        for name, who in (("vehicle_control", "decision"), ("lane_detection", "detection")):
            if name not in alive:
                start = f"lkas --method cv --broadcast --instance {self._images.instance}"
                return f"no process writes {name} ({who} is missing): start `{start}`"
        return "decision and detection run; no command of them is valid yet"

    @staticmethod
    def _remove(channel: ImageChannel | VehicleChannel) -> None:
        channel.close()
        channel.unlink()


def _finite(name: str, value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name}={value!r}: expected a finite number")
    return number


def _in_range(name: str, value: float, minimum: float, maximum: float) -> float:
    number = _finite(name, value)
    if not minimum <= number <= maximum:
        raise ValueError(f"{name}={value!r}: expected {minimum:g} to {maximum:g}")
    return number
