"""Mutation tests: break each limit of the limiter and each guard of the state machine once, and run their tests.

    python -m benchmarks.limit_mutants                 run all mutants and print a table; exit code 1 if one survives
    python -m benchmarks.limit_mutants --only jerk     only those with this word in their description

A mutant is one replaced piece of source text. Each runs as a module in a separate process, with the tests of that file
up to the first failure; no file of the checkout changes. The tests must pass without a mutant first, and a text that is
not found exactly once is an error.
"""

import argparse
import contextlib
import importlib
import importlib.util
import multiprocessing
import re
import sys
import tempfile
from pathlib import Path

import hypothesis  # noqa: F401  once, before the processes fork
import numpy as np  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMITER, STATE_MACHINE = "lkas.decision.limiter", "lkas.decision.state_machine"
TESTS = {LIMITER: "tests/lkas/decision/test_limiter.py", STATE_MACHINE: "tests/lkas/decision/test_state_machine.py"}
DEADLINE_S = 300.0  # a mutant may run forever

# Description, source text, replacement.
MUTANTS = {
    LIMITER: (
        # Constants.
        ("lateral acceleration 3 -> 3.3 m/s²", "MAX_LATERAL_MPS2 = 3.0", "MAX_LATERAL_MPS2 = 3.3"),
        ("lateral jerk 5 -> 5.5 m/s³", "MAX_LATERAL_JERK_MPS3 = 5.0", "MAX_LATERAL_JERK_MPS3 = 5.5"),
        ("steering rate 0.5 -> 0.55 rad/s", "RATE_RADPS = 0.5", "RATE_RADPS = 0.55"),
        ("age of a speed: 3 -> 2 m/s²", "UNKNOWN_ACCELERATION_MPS2 = 3.0", "UNKNOWN_ACCELERATION_MPS2 = 2.0"),
        ("falling speed: 1.5 -> 3 m/s²", "UNCOMMANDED_BRAKING_MPS2 = 1.5", "UNCOMMANDED_BRAKING_MPS2 = 3.0"),
        ("implausible speed: 3 -> 30 m/s", "MAX_SPEED_ERROR_MPS = 3.0", "MAX_SPEED_ERROR_MPS = 30.0"),
        ("stale speed: 0.1 -> 1 s", "MAX_SPEED_AGE_S = 0.1", "MAX_SPEED_AGE_S = 1.0"),
        ("initial speed: 40 -> 4 m/s", "INITIAL_SPEED_MPS = 40.0", "INITIAL_SPEED_MPS = 4.0"),
        ("longest step 0.05 -> 0.5 s", "MAX_STEP_S = 0.05", "MAX_STEP_S = 0.5"),
        ("braking for a bend: 3 -> 6 m/s²", "MAX_BEND_BRAKING_MPS2 = 3.0", "MAX_BEND_BRAKING_MPS2 = 6.0"),
        # Steering.
        ("no limit of the steering range", "min(max_steer_rad, max(-max_steer_rad, steer_rad))", "steer_rad"),
        ("no limit of lateral acceleration", "if abs(limited_rad) > max_rad:", "if False:"),
        (
            "lateral acceleration limited to the left only",
            "if abs(limited_rad) > max_rad:",
            "if limited_rad > max_rad:",
        ),
        ("no limit of jerk", "if not low_rad <= limited_rad <= high_rad:", "if False:"),
        ("jerk limited upwards only", "if not low_rad <= limited_rad <= high_rad:", "if limited_rad > high_rad:"),
        ("no limit of the steering rate", "if abs(limited_rad - last_rad) > turn_rad:", "if False:"),
        (
            "steering rate limited upwards only",
            "if abs(limited_rad - last_rad) > turn_rad:",
            "if limited_rad - last_rad > turn_rad:",
        ),
        (
            "changes start from the request, not from the sent command",
            "self._bicycle, self._steer_rad",
            "self._bicycle, steer_rad",
        ),
        (
            "steers without a steering range",
            "if max_steer_rad is None or not math.isfinite(max_steer_rad) or max_steer_rad <= 0:",
            "if max_steer_rad is None:",
        ),
        ("turns the wheel at standstill", "if bound_mps >= STANDSTILL_MPS:", "if True:"),
        ("a restored angle may be anything", "steer_rad if math.isfinite(steer_rad) else 0.0", "steer_rad"),
        # Values that are not finite.
        ("an angle that is not finite passes", "if not math.isfinite(steer_rad):", "if False:"),
        (
            "pedals that are not finite are not reported",
            "LimiterFlag(0) if is_finite else LimiterFlag.NOT_FINITE",
            "LimiterFlag(0)",
        ),
        ("a brake that is not finite passes", " if math.isfinite(request.brake) else 0.0", ""),
        ("a time step that is not finite passes", "max(0.0, dt_s) if math.isfinite(dt_s) else 0.0", "max(0.0, dt_s)"),
        ("an age that is not finite passes", " if math.isfinite(age_s) else MAX_SPEED_MPS", ""),
        (
            "a speed that is not finite passes",
            "if speed_mps is not None and math.isfinite(speed_mps):",
            "if speed_mps is not None:",
        ),
        ("a curvature that is not finite passes", "if not math.isfinite(curvature_radpm) or ", "if "),
        (
            "no maximum speed",
            "min(MAX_SPEED_MPS, max(self._min_plausible_mps, self._known_speed_mps + gained_mps))",
            "max(self._min_plausible_mps, self._known_speed_mps + gained_mps)",
        ),
        # Speed.
        ("the bound does not grow with age", "self._known_speed_mps + gained_mps", "self._known_speed_mps"),
        ("a negative age lowers the bound", "* max(0.0, age_s) if", "* age_s if"),
        (
            "a falling speed is accepted",
            "max(self._min_plausible_mps, self._known_speed_mps + gained_mps)",
            "self._known_speed_mps + gained_mps",
        ),
        ("the commanded brake is ignored", " + self._brake * self._full_brake_mps2", ""),
        (
            "a stale speed raises the plausible speed",
            "if not is_stale and self._known_speed_mps is not None:",
            "if self._known_speed_mps is not None:",
        ),
        ("an implausible speed is not reported", "if is_stale or self.is_speed_implausible:", "if is_stale:"),
        (
            "a reset keeps the old speed",
            "_min_plausible_mps = 0.0 ",
            '_min_plausible_mps = getattr(self, "_min_plausible_mps", 0.0)',
        ),
        # Pedals.
        ("both pedals at once", "if brake > 0 or not is_finite:", "if not is_finite:"),
        ("throttle beyond one", "min(1.0, max(0.0, request.throttle))", "max(0.0, request.throttle)"),
        ("throttle below zero", "min(1.0, max(0.0, request.throttle))", "min(1.0, request.throttle)"),
        ("brake below zero", "min(1.0, max(0.0, request.brake))", "min(1.0, request.brake)"),
        ("brake beyond one", "min(1.0, max(0.0, request.brake))", "max(0.0, request.brake)"),
        ("no braking for a bend", "if braking_mps2 > 0:", "if False:"),
        (
            "braking for a bend with throttle",
            "throttle, brake = 0.0, max(",
            "throttle, brake = throttle, max(",
        ),
        ("no braking for a bend beyond the steering range", "            allowed_mps = 0.0", "            pass"),
    ),
    STATE_MACHINE: (
        # Delays and guards of the transitions.
        ("stale vehicle: 0.5 -> 0.7 s", "MAX_VEHICLE_AGE_S = 0.5", "MAX_VEHICLE_AGE_S = 0.7"),
        ("back from hold at once", "HOLD_RECOVERY_S = 0.1", "HOLD_RECOVERY_S = 0.0"),
        ("back from degraded at once", "DEGRADED_RECOVERY_S = 0.3", "DEGRADED_RECOVERY_S = 0.0"),
        ("a second line counts at once", "BOTH_LINES_S = 0.2", "BOTH_LINES_S = 0.0"),
        ("rolling without a lane: 2 -> 4 s", "ROLLING_WITHOUT_LANE_S = 2.0", "ROLLING_WITHOUT_LANE_S = 4.0"),
        ("a successor waits forever", " and self._mode_s < TAKE_OVER_S", ""),
        ("a successor does not wait", "TAKE_OVER_S = 0.7", "TAKE_OVER_S = 0.0"),
        ("no lane at standstill: at once", "NO_LANE_AT_STANDSTILL_S = 0.5", "NO_LANE_AT_STANDSTILL_S = 0.0"),
        ("after an override, anywhere in the lane", "MAX_REARM_OFFSET_M = 0.5", "MAX_REARM_OFFSET_M = 5.0"),
        ("certain again at the threshold of uncertain", "CERTAIN_AGAIN_RATIO = 0.8", "CERTAIN_AGAIN_RATIO = 1.0"),
        ("engages at once", "self._valid_s >= self._parameters.engage_time_s and ", ""),
        ("engages outside the lane", " and now.is_in_lane", ""),
        (
            "engages without a vehicle state",
            "if now.vehicle_age_s is None or now.speed_mps is None or self._is_vehicle_unreliable(now):",
            "if False:",
        ),
        ("after an override no longer wait", "self._valid_s >= self._parameters.rearm_time_s and ", ""),
        (
            "an interruption does not restart the wait",
            "self._valid_s + now.dt_s if is_any_visible and self._is_certain(now) else 0.0",
            "self._valid_s + now.dt_s",
        ),
        ("lanes count without certainty", "if is_any_visible and self._is_certain(now) else", "if is_any_visible else"),
        (
            "hold forever",
            "now.offset_sigma_m is None or 2 * now.offset_sigma_m >= self._parameters.hold_offset_m",
            "False",
        ),
        ("hold without a lane", "now.offset_sigma_m is None or 2 * now", "now.offset_sigma_m is not None and 2 * now"),
        ("one sigma instead of two", "2 * now.offset_sigma_m >=", "now.offset_sigma_m >="),
        ("continues without lines", "elif not is_any_visible:", "elif False:"),
        ("degraded forever", "if self._mode_s >= self._parameters.degraded_time_s:", "if False:"),
        (
            "recovers with a stale vehicle state",
            "if not self._is_vehicle_unreliable(now) and self._valid_s >= DEGRADED",
            "if self._valid_s >= DEGRADED",
        ),
        ("an implausible speed is ignored", " or now.is_speed_implausible", ""),
        ("a stop ends by itself", "if self._valid_s >= self._parameters.recovery_time_s:", "if True:"),
        (
            "lanes end a stop at standstill",
            "        if self._is_standing(now):",
            "        if self._is_resume_requested:",
        ),
        (
            "a stop ends with a stale vehicle state",
            "        if self._is_vehicle_unreliable(now):\n            return None\n        if self._is_standing",
            "        if self._is_standing",
        ),
        (
            "a resume request is kept",
            "        self._is_resume_requested = False\n        return self.mode",
            "        return self.mode",
        ),
        ("a resume request is ignored", "self._is_resume_requested = True", "self._is_resume_requested = False"),
        ("keeps rolling without a lane", "self._valid_s == 0 and now.speed_mps", "False and now.speed_mps"),
        ("drives while disabled", "if not self._parameters.enabled:", "if False:"),
        ("the override is ignored", "if now.driver_reason is not None:", "if False:"),
        ("a stop is lost in a restart", "ControlMode.HOLD if mode in ENGAGED else mode", "ControlMode.HOLD"),
        (
            "changes without an event",
            '        self.add_event("mode", LEVELS',
            '        LEVELS.get(mode) or ("mode", LEVELS',
        ),
    ),
}


def run_tests(module: str, source: Path, output: Path) -> None:
    """Run the tests of a module with this file as its source, in a child process; exit with pytest's code."""
    package, _, name = module.rpartition(".")
    spec = importlib.util.spec_from_file_location(module, source)
    assert spec is not None
    assert spec.loader is not None
    mutant = sys.modules[module] = importlib.util.module_from_spec(spec)
    setattr(importlib.import_module(package), name, mutant)
    with output.open("w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            spec.loader.exec_module(mutant)
        except Exception as error:
            print(f"FAILED ::{type(error).__name__} on import")
            sys.exit(1)
        arguments = ["-x", "-q", "-rfE", "--tb=no", "--assert=plain", "--noconftest", str(ROOT / TESTS[module])]
        sys.exit(int(pytest.main(arguments)))


def first_failure(module: str, source: str) -> str | None:
    """Return the first test that fails with this source of the module, or None when all pass."""
    with tempfile.TemporaryDirectory() as folder:
        file, output = Path(folder) / "mutant.py", Path(folder) / "output.txt"
        file.write_text(source, encoding="utf-8")
        process = multiprocessing.get_context("fork").Process(target=run_tests, args=(module, file, output))
        process.start()
        process.join(DEADLINE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            return f"timeout after {DEADLINE_S:.0f} s"
        if process.exitcode == 0:
            return None
        text = output.read_text(encoding="utf-8")
    found = re.search(r"^(?:FAILED|ERROR) \S*?::(.+?)(?: - .*)?$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest exited with {process.exitcode} and named no test:\n{text}")
    return found.group(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose description has this word")
    options = parser.parse_args()
    count = survived = 0
    for module, all_mutants in MUTANTS.items():
        mutants = [mutant for mutant in all_mutants if options.only in mutant[0]]
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        for _, text, _ in mutants:
            if source.count(text) != 1:
                raise SystemExit(f"{module}: {text!r}: expected once, found {source.count(text)} times")
        failed = first_failure(module, source) if mutants else None
        if failed is not None:
            raise SystemExit(f"{module}: {failed} fails without a mutant: fix it first")
        for description, text, replacement in mutants:
            test = first_failure(module, source.replace(text, replacement))
            count += 1
            survived += test is None
            print(f"{module.rpartition('.')[2]:14} {description:52} {test or 'SURVIVED'}", flush=True)
    print(f"{count - survived} of {count} mutants killed")
    return 1 if survived or not count else 0


if __name__ == "__main__":
    sys.exit(main())
