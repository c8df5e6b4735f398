"""What `simulation check` says about a drive: one sentence each, and whether it is a finding."""

import math
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct, structs

from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry
from simulation.evaluation.check_drive import BRAKE_S, CheckDrive, Seen

MAX_TICK_ERROR = 0.01  # of a tick
MIN_RATE_HZ = 8.0
MIN_AGREEMENT = 0.5  # of measured and expected yaw rate
GAIN_RANGE = (0.75, 1.33)
MAX_EXTRA_DELAY_S = 0.1
MIN_BRAKE_RATIO = 0.3  # of the assumed deceleration
MAX_PITCH_ERROR_RAD = math.radians(1.0)
MAX_WIDTH_RATIO = 0.08
MIN_SEEN_RATIO = 0.5  # of the images
YELLOW, CYAN = (255, 220, 0), (0, 220, 255)


class Remark(Struct, frozen=True):
    """One sentence about one subject."""

    subject: str
    is_well: bool
    text: str


def time_remark(drive: CheckDrive) -> Remark:
    times_s = np.array([state.timestamp for state in drive.states])
    tick_s = drive.states[0].tick_s
    steps_s = np.diff(times_s)
    wrong = np.flatnonzero(np.abs(steps_s - tick_s) > MAX_TICK_ERROR * tick_s + 1e-9)
    if len(wrong) == 0:
        return Remark("time", True, f"each of {len(times_s)} ticks advances by {tick_s * 1e3:g} ms")
    first = int(wrong[0])
    return Remark(
        "time",
        False,
        f"{len(wrong)} of {len(steps_s)} ticks do not advance by tick_s = {tick_s:g} s, the first at "
        f"{times_s[first]:.2f} s by {steps_s[first]:.3f} s; let timestamp grow by tick_s with each tick",
    )


def rate_remark(drive: CheckDrive) -> Remark:
    times_s, duration_s = drive.frame_times_s, len(drive.states) * drive.states[0].tick_s
    rate_hz = len(times_s) / duration_s
    if rate_hz < MIN_RATE_HZ:
        return Remark(
            "frame rate",
            False,
            f"{rate_hz:.1f} frames per second of world time, expected at least {MIN_RATE_HZ:g}; give frames more often",
        )
    return Remark("frame rate", True, f"{rate_hz:.1f} frames per second of world time")


def steering_remarks(drive: CheckDrive) -> list[Remark]:
    """Sign, gain and delay."""
    names = ("steering sign", "steering gain", "steering delay")
    if not drive.states[-1].max_steer_rad:
        text = "no max_steer_rad, so decision does not steer; give the road-wheel angle of steering = 1"
        return [Remark(names[0], False, text)]
    fit = drive.fit()
    if fit is None:
        text = "not measured: the car does not move, or reports no speed_mps or no yaw_rate_radps"
        return [Remark(names[0], False, text)]
    side = fit if drive.side is None else drive.side
    if fit.agreement < MIN_AGREEMENT:
        text = f"the yaw rate does not follow the commands (agreement {fit.agreement:.0%}); apply control.steering"
        return [Remark(names[0], False, text)]
    signs = [
        Remark(names[0], True, "a command to the right turns the car to the right")
        if side.gain > 0
        else Remark(
            names[0],
            False,
            "a command to the right (steering > 0) turns the car to the left, or yaw_rate_radps is not left positive; "
            "reverse the one that is wrong",
        )
    ]
    gain = abs(fit.gain)
    text = f"the car turns {gain:.2f} times as much as max_steer_rad and the wheelbase say"
    is_well = GAIN_RANGE[0] <= gain <= GAIN_RANGE[1]
    signs.append(
        Remark(names[1], is_well, text if is_well else f"{text}; correct vehicle.wheelbase_m or max_steer_rad")
    )
    assumed_s = drive.vehicle.steering_delay_s
    text = f"{fit.delay_s * 1e3:.0f} ms from a command to the wheel, {assumed_s * 1e3:.0f} ms assumed"
    is_well = fit.delay_s <= assumed_s + MAX_EXTRA_DELAY_S
    signs.append(
        Remark(names[2], is_well, text if is_well else f"{text}; report steering_delay_s in `vehicle`, or shorten it")
    )
    return signs


def brake_remark(drive: CheckDrive) -> Remark:
    if drive.brake_from is None:
        return Remark("brakes", False, "not measured: the world ended before the brake test")
    speeds_mps = [state.speed_mps or 0.0 for state in drive.states[drive.brake_from :]]
    start_mps, tick_s = speeds_mps[0], drive.states[0].tick_s
    if start_mps <= 0.0:
        return Remark("brakes", False, "not measured: the car does not move; apply control.throttle")
    slow = next((index for index, speed in enumerate(speeds_mps) if speed < 0.1 * start_mps), len(speeds_mps) - 1)
    decel_mps2 = (start_mps - speeds_mps[slow]) / max(tick_s, slow * tick_s)
    assumed_mps2 = drive.decision.full_brake_mps2
    text = f"brake = 1 slows the car by {decel_mps2:.1f} m/s², {assumed_mps2:.1f} m/s² assumed"
    needed_mps2 = min(MIN_BRAKE_RATIO * assumed_mps2, 0.9 * start_mps / BRAKE_S)
    if decel_mps2 >= needed_mps2:
        return Remark("brakes", True, text)
    return Remark("brakes", False, f"{text}; apply control.brake, or report full_brake_mps2 in `vehicle`")


def camera_remarks(drive: CheckDrive, lane_width_m: float | None) -> list[Remark]:
    """Horizon and lane width. `lane_width_m` is the given one; None: the world's truth."""
    frames, seen = len(drive.frame_times_s), drive.seen
    if len(seen) < MIN_SEEN_RATIO * max(1, frames - BRAKE_S / 20 * frames):
        text = (
            f"both lines were recognized in {len(seen)} of {frames} images only; look at the picture: are the lines "
            "visible, and is the drawn lane where the road is?"
        )
        return [Remark("camera", False, text)]
    pitch_rad = float(np.median([entry.model.calibration.pitch_rad for entry in seen]))
    given = drive.camera
    measured_px = PinholeCamera(_with_pitch(given, pitch_rad)).horizon_row_px
    text = (
        f"the horizon is at row {measured_px:.0f} (pitch {math.degrees(pitch_rad):.1f} deg), given is row "
        f"{PinholeCamera(given).horizon_row_px:.0f} ({math.degrees(given.pitch_rad):.1f} deg)"
    )
    is_well = abs(pitch_rad - given.pitch_rad) <= MAX_PITCH_ERROR_RAD
    remarks = [Remark("camera", is_well, text if is_well else f"{text}; correct the pitch of `camera`, down positive")]
    width_m = float(np.median([entry.measured_width_m for entry in seen]))
    true_m = lane_width_m or next((entry.lane_width_m for entry in seen if entry.lane_width_m), None)
    if true_m is None:
        return [*remarks, Remark("lane width", True, f"{width_m:.2f} m measured; compare with --lane-width METRES")]
    text = f"{width_m:.2f} m measured, {true_m:.2f} m given"
    is_well = abs(width_m / true_m - 1) <= MAX_WIDTH_RATIO
    return [*remarks, Remark("lane width", is_well, text if is_well else f"{text}; correct the height of `camera`")]


def draw_picture(drive: CheckDrive, lane_width_m: float | None, path: Path) -> bool:
    """Write one image with the given horizon and a lane of the given width; return whether there was one."""
    if not drive.seen:
        return False
    entry = drive.seen[len(drive.seen) // 2]
    image = np.ascontiguousarray(entry.image[:, :, ::-1])
    camera = PinholeCamera(drive.camera)
    row = round(camera.horizon_row_px)
    cv2.line(image, (0, row), (image.shape[1] - 1, row), CYAN, 1)
    for side in (0.5, -0.5):
        pixels = _line_px(camera, entry, side * (lane_width_m or entry.lane_width_m or entry.measured_width_m))
        cv2.polylines(image, [np.round(pixels * 16).astype(np.int32)], False, YELLOW[::-1], 2, cv2.LINE_AA, 4)
    return cv2.imwrite(str(path), image)


def _line_px(camera: PinholeCamera, entry: Seen, side_m: float) -> np.ndarray:
    left, right = entry.model.left, entry.model.right
    assert left is not None
    assert right is not None
    x_m = np.linspace(3.0, 40.0, 60) * camera.geometry.height_m / 1.4
    c0, c1, c2 = (left.c0 + right.c0) / 2, (left.c1 + right.c1) / 2, (left.c2 + right.c2) / 2
    pixels = camera.image_from_ground(x_m, c0 + c1 * x_m + c2 * x_m**2 / 2 + side_m)
    return pixels[np.isfinite(pixels).all(axis=1) & (np.abs(pixels) < 30000).all(axis=1)]


def _with_pitch(geometry: CameraGeometry, pitch_rad: float) -> CameraGeometry:
    return structs.replace(geometry, pitch_rad=pitch_rad)
