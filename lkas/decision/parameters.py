"""Section `decision` of the configuration: the parameters of the lane keeper and its controllers.

The safety limits of the last stage are constants in `lkas.decision.limiter`, not parameters.
"""

from importlib.util import find_spec
from typing import Annotated

from lkas.parameters import Section, declare

CONTROLLERS = ("lqr", "pure_pursuit", "stanley", "pid", "mpc")
CONTROLLER_PACKAGES = {"mpc": "osqp"}  # required beyond the core; each is an extra with the controller's name
LQR = ("lqr", "mpc")  # mpc falls back on lqr
PURE_PURSUIT = ("pure_pursuit",)
STANLEY = ("stanley",)
PID = ("pid",)
MPC = ("mpc",)


def missing_package(controller: str) -> str | None:
    """Return why this controller cannot be used here, or None when it can."""
    package = CONTROLLER_PACKAGES.get(controller)
    if package is None or find_spec(package) is not None:
        return None
    others = ", ".join(name for name in CONTROLLERS if name not in CONTROLLER_PACKAGES)
    return (
        f"decision.controller = {controller!r} needs the package {package}, which is not installed: "
        f"pip install 'lkas[{controller}]', or use one of {others}"
    )


class DecisionParameters(Section, frozen=True, kw_only=True):
    """Parameters of decision. SI units."""

    controller: Annotated[str, declare("Steering controller", live=True, choices=CONTROLLERS)] = "lqr"
    check_steering: Annotated[
        bool,
        declare(
            "Stop when the car turns against its commands; false where another drives, as on a recording", live=True
        ),
    ] = True
    enabled: Annotated[
        bool, declare("Drive; false moves the steering to straight ahead and stays in standby", live=True)
    ] = True

    set_speed_mps: Annotated[
        float, declare("Speed on a straight lane in good visibility", unit="m/s", minimum=0, maximum=45, live=True)
    ] = 13.9
    curve_lateral_acceleration_mps2: Annotated[
        float,
        declare("Lateral acceleration in bends, kept by slowing down", unit="m/s²", minimum=0.5, maximum=3, live=True),
    ] = 2.0
    acceleration_mps2: Annotated[
        float, declare("Comfortable acceleration", unit="m/s²", minimum=0.2, maximum=3, live=True)
    ] = 1.5
    deceleration_mps2: Annotated[
        float, declare("Comfortable deceleration", unit="m/s²", minimum=0.2, maximum=3, live=True)
    ] = 2.0
    longitudinal_jerk_mps3: Annotated[
        float, declare("Change of acceleration and deceleration", unit="m/s³", minimum=0.5, maximum=10, live=True)
    ] = 2.5
    degraded_deceleration_mps2: Annotated[
        float, declare("Deceleration while degraded", unit="m/s²", minimum=0.2, maximum=3, live=True)
    ] = 1.5
    minimum_risk_deceleration_mps2: Annotated[
        float, declare("Deceleration of the minimum risk stop", unit="m/s²", minimum=1, maximum=3, live=True)
    ] = 2.5
    speed_gain_per_s: Annotated[
        float, declare("Acceleration demand per m/s of speed error", unit="1/s", minimum=0.05, maximum=3, live=True)
    ] = 0.6
    speed_integral_per_s2: Annotated[
        float,
        declare("Integral gain of the speed error, for hills and drag", unit="1/s²", minimum=0, maximum=1, live=True),
    ] = 0.1
    full_throttle_mps2: Annotated[
        float, declare("Assumed acceleration at throttle = 1", unit="m/s²", minimum=0.5, maximum=15, live=True)
    ] = 3.5
    full_brake_mps2: Annotated[
        float, declare("Assumed deceleration at brake = 1", unit="m/s²", minimum=2, maximum=15, live=True)
    ] = 8.0

    lookahead_time_s: Annotated[
        float,
        declare("Look-ahead distance per speed", unit="s", minimum=0.5, maximum=3, live=True, used_by=PURE_PURSUIT),
    ] = 0.85
    lookahead_min_m: Annotated[
        float,
        declare("Shortest look-ahead distance", unit="m", minimum=2, maximum=30, live=True, used_by=PURE_PURSUIT),
    ] = 6.0
    correction_mps2: Annotated[
        float,
        declare(
            "Largest lateral acceleration to correct an offset",
            unit="m/s²",
            minimum=0.2,
            maximum=3,
            live=True,
            used_by=CONTROLLERS,
        ),
    ] = 1.5
    lqr_offset_worth_m: Annotated[
        float,
        declare(
            "Offset that costs as much as 1 m/s² of correction",
            unit="m",
            minimum=0.05,
            maximum=3,
            live=True,
            used_by=LQR,
        ),
    ] = 0.4
    lqr_drift_worth_mps: Annotated[
        float,
        declare(
            "Lateral speed that costs as much as 1 m/s² of correction",
            unit="m/s",
            minimum=0.1,
            maximum=10,
            live=True,
            used_by=LQR,
        ),
    ] = 2.0
    lqr_integral_per_s3: Annotated[
        float,
        declare("Integral gain of a small offset", unit="1/s³", minimum=0, maximum=1, live=True, used_by=LQR),
    ] = 0.05

    stanley_gain_per_s: Annotated[
        float,
        declare("Gain of the front axle's offset", unit="1/s", minimum=0.1, maximum=10, live=True, used_by=STANLEY),
    ] = 1.0
    stanley_softening_mps: Annotated[
        float,
        declare(
            "Speed below which the gain of the offset is reduced",
            unit="m/s",
            minimum=0.1,
            maximum=20,
            live=True,
            used_by=STANLEY,
        ),
    ] = 1.0
    stanley_heading_time_s: Annotated[
        float,
        declare(
            "Decay time of a course error at high speed", unit="s", minimum=0.1, maximum=3, live=True, used_by=STANLEY
        ),
    ] = 0.42
    stanley_yaw_damping_s: Annotated[
        float,
        declare("Gain of the yaw-rate error", unit="s", minimum=0, maximum=1, live=True, used_by=STANLEY),
    ] = 0.1
    pid_proportional_per_s2: Annotated[
        float,
        declare("Proportional gain of the offset", unit="1/s²", minimum=0.1, maximum=10, live=True, used_by=PID),
    ] = 2.5
    pid_integral_per_s3: Annotated[
        float,
        declare("Integral gain of the offset", unit="1/s³", minimum=0, maximum=2, live=True, used_by=PID),
    ] = 0.05
    pid_derivative_per_s: Annotated[
        float,
        declare(
            "Derivative gain: correction per m/s of lateral speed",
            unit="1/s",
            minimum=0.1,
            maximum=10,
            live=True,
            used_by=PID,
        ),
    ] = 2.4
    mpc_offset_worth_m: Annotated[
        float,
        declare(
            "Offset that costs as much as 1 m/s² of correction in the plan",
            unit="m",
            minimum=0.05,
            maximum=3,
            live=True,
            used_by=MPC,
        ),
    ] = 0.36
    mpc_drift_worth_mps: Annotated[
        float,
        declare(
            "Lateral speed that costs as much as 1 m/s² of correction in the plan",
            unit="m/s",
            minimum=0.1,
            maximum=10,
            live=True,
            used_by=MPC,
        ),
    ] = 2.0
    mpc_lateral_acceleration_mps2: Annotated[
        float,
        declare("Limit of lateral acceleration in the plan", unit="m/s²", minimum=1, maximum=3, live=True, used_by=MPC),
    ] = 2.8
    mpc_lateral_jerk_mps3: Annotated[
        float,
        declare("Limit of lateral jerk in the plan", unit="m/s³", minimum=1, maximum=5, live=True, used_by=MPC),
    ] = 2.5

    understeer_s2pm: Annotated[
        float,
        declare(
            "Understeer gradient: steer = curvature x (wheelbase + this x v²)",
            unit="s²/m",
            minimum=-0.002,
            maximum=0.02,
        ),
    ] = 0.002
    rear_slip_s2pm: Annotated[
        float,
        declare(
            "Slip of the rear tyres: side slip = curvature x (b - this x v²)", unit="s²/m", minimum=0, maximum=0.02
        ),
    ] = 0.0055
    yaw_lag_s2pm: Annotated[
        float, declare("Lag of the yaw rate behind the wheel, per speed", unit="s²/m", minimum=0, maximum=0.02)
    ] = 0.004
    steering_trim_mps2: Annotated[
        float,
        declare("Largest estimated steering offset, as lateral acceleration", unit="m/s²", minimum=0, maximum=2),
    ] = 1.5

    measurement_sigma_ratio: Annotated[
        float,
        declare(
            "Sigma of a measurement in the filter per sigma stated by the detector", minimum=0.5, maximum=10, live=True
        ),
    ] = 2.0
    hold_offset_m: Annotated[
        float, declare("Two sigma of the offset at which the lane counts as lost", unit="m", minimum=0.1, maximum=2)
    ] = 0.4
    engage_time_s: Annotated[
        float, declare("Time of valid lanes before the car starts to drive", unit="s", minimum=0, maximum=10, live=True)
    ] = 0.1
    degraded_time_s: Annotated[
        float, declare("Time from degraded to the minimum risk stop", unit="s", minimum=0, maximum=10, live=True)
    ] = 1.0
    recovery_time_s: Annotated[
        float,
        declare("Time of valid lanes that ends a minimum risk stop while rolling", unit="s", minimum=0.2, maximum=10),
    ] = 1.0
    rearm_time_s: Annotated[
        float, declare("Time of valid lanes after the driver has steered", unit="s", minimum=0.2, maximum=10, live=True)
    ] = 1.0
    drift_ttlc_s: Annotated[
        float,
        declare("Time to line crossing below which a drift is reported", unit="s", minimum=0.2, maximum=5, live=True),
    ] = 1.5
    warning_earliest_m: Annotated[
        float,
        declare(
            "Largest distance from the line at which a slow drift is reported",
            unit="m",
            minimum=0.1,
            maximum=2,
            live=True,
        ),
    ] = 0.75
    warning_confirm_s: Annotated[
        float, declare("Time that a drift must last before it is reported", unit="s", minimum=0, maximum=1, live=True)
    ] = 0.25
    warning_least_speed_mps: Annotated[
        float, declare("Speed below which there is no warning", unit="m/s", minimum=0, maximum=40, live=True)
    ] = 5.0
