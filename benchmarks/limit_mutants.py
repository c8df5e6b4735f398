"""Breaks each limit and guard of the limiter and the ladder once, and asks their tests whether they notice.

    python -m benchmarks.limit_mutants                 all of them, one table; exit code 1 when one survives
    python -m benchmarks.limit_mutants --only jerk     those whose description has this word

A mutant is one replaced piece of source text. Each is a module in a process of its own, which runs the tests of that
file until the first failure; no file of the checkout is changed. Before the mutants the tests have to pass, and a text
that is not found exactly once is an error: a mutant of nothing proves nothing.
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
LIMITER, LADDER = "lkas.decision.limiter", "lkas.decision.state_machine"
TESTS = {LIMITER: "tests/lkas/decision/test_limiter.py", LADDER: "tests/lkas/decision/test_state_machine.py"}
DEADLINE_S = 300.0  # a mutant may not end by itself

# What is broken, the text of the source, and what stands there instead.
MUTANTS = {
    LIMITER: (
        # Figures.
        ("lateral acceleration 3 -> 3.3 m/s²", "MAX_LATERAL_MPS2 = 3.0", "MAX_LATERAL_MPS2 = 3.3"),
        ("lateral jerk 5 -> 5.5 m/s³", "MAX_LATERAL_JERK_MPS3 = 5.0", "MAX_LATERAL_JERK_MPS3 = 5.5"),
        ("steering rate 0.5 -> 0.55 rad/s", "RATE_RADPS = 0.5", "RATE_RADPS = 0.55"),
        ("age of a speed: 3 -> 2 m/s²", "UNSEEN_ACCELERATION_MPS2 = 3.0", "UNSEEN_ACCELERATION_MPS2 = 2.0"),
        ("falling speed: 1.5 -> 3 m/s²", "UNASKED_BRAKING_MPS2 = 1.5", "UNASKED_BRAKING_MPS2 = 3.0"),
        ("doubt of a speed: 3 -> 30 m/s", "DOUBT_MPS = 3.0", "DOUBT_MPS = 30.0"),
        ("stale speed: 0.1 -> 1 s", "STALE_SPEED_S = 0.1", "STALE_SPEED_S = 1.0"),
        ("speed never known: 40 -> 4 m/s", "NEVER_KNOWN_SPEED_MPS = 40.0", "NEVER_KNOWN_SPEED_MPS = 4.0"),
        ("longest step 0.05 -> 0.5 s", "MAX_STEP_S = 0.05", "MAX_STEP_S = 0.5"),
        ("braking for a bend: 3 -> 6 m/s²", "BEND_BRAKING_MPS2 = 3.0", "BEND_BRAKING_MPS2 = 6.0"),
        # Steering.
        ("no steering range to keep", "min(max_steer_rad, max(-max_steer_rad, steer_rad))", "steer_rad"),
        ("no limit of lateral acceleration", "if abs(bounded_rad) > most_rad:", "if False:"),
        ("acceleration limited to the left only", "if abs(bounded_rad) > most_rad:", "if bounded_rad > most_rad:"),
        ("no limit of jerk", "if not low_rad <= bounded_rad <= high_rad:", "if False:"),
        ("jerk limited upwards only", "if not low_rad <= bounded_rad <= high_rad:", "if bounded_rad > high_rad:"),
        ("no limit of the steering rate", "if abs(bounded_rad - last_rad) > turn_rad:", "if False:"),
        (
            "steering rate limited upwards only",
            "if abs(bounded_rad - last_rad) > turn_rad:",
            "if bounded_rad - last_rad > turn_rad:",
        ),
        ("changes from the wish, not from what was sent", "self._bicycle, self._steer_rad", "self._bicycle, steer_rad"),
        (
            "steers without a range",
            "if max_steer_rad is None or not math.isfinite(max_steer_rad) or max_steer_rad <= 0:",
            "if max_steer_rad is None:",
        ),
        ("turns the wheel at standstill", "if bound_mps >= STANDSTILL_MPS:", "if True:"),
        ("a restored angle may be anything", "steer_rad if math.isfinite(steer_rad) else 0.0", "steer_rad"),
        # Not a number.
        ("an angle that is no number passes", "if not math.isfinite(steer_rad):", "if False:"),
        (
            "pedals that are no numbers are not told of",
            "LimiterFlag(0) if is_finite else LimiterFlag.NOT_FINITE",
            "LimiterFlag(0)",
        ),
        ("a brake that is no number passes", " if math.isfinite(wish.brake) else 0.0", ""),
        ("a step that is no number passes", "max(0.0, dt_s) if math.isfinite(dt_s) else 0.0", "max(0.0, dt_s)"),
        ("an age that is no number passes", " if math.isfinite(age_s) else FASTEST_MPS", ""),
        (
            "a speed that is no number passes",
            "if speed_mps is not None and math.isfinite(speed_mps):",
            "if speed_mps is not None:",
        ),
        ("a bend that is no number passes", "if not math.isfinite(curvature_radpm) or ", "if "),
        (
            "no fastest speed",
            "min(FASTEST_MPS, max(self._possible_mps, self._known_speed_mps + gained_mps))",
            "max(self._possible_mps, self._known_speed_mps + gained_mps)",
        ),
        # Speed.
        ("an old speed is no faster", "self._known_speed_mps + gained_mps", "self._known_speed_mps"),
        ("an age below zero makes slower", "* max(0.0, age_s) if", "* age_s if"),
        (
            "a falling speed is believed",
            "max(self._possible_mps, self._known_speed_mps + gained_mps)",
            "self._known_speed_mps + gained_mps",
        ),
        ("its own braking is not reckoned with", " + self._brake * self.full_brake_mps2", ""),
        (
            "a stale speed counts as known",
            "if not is_stale and self._known_speed_mps is not None:",
            "if self._known_speed_mps is not None:",
        ),
        ("a doubted speed is not told of", "if is_stale or self.doubts_speed:", "if is_stale:"),
        (
            "another world keeps the old speed",
            "_possible_mps = 0.0 ",
            '_possible_mps = getattr(self, "_possible_mps", 0.0)',
        ),
        # Pedals.
        ("both pedals at once", "if brake > 0 or not is_finite:", "if not is_finite:"),
        ("throttle beyond one", "min(1.0, max(0.0, wish.throttle))", "max(0.0, wish.throttle)"),
        ("throttle below zero", "min(1.0, max(0.0, wish.throttle))", "min(1.0, wish.throttle)"),
        ("brake below zero", "min(1.0, max(0.0, wish.brake))", "min(1.0, wish.brake)"),
        ("brake beyond one", "min(1.0, max(0.0, wish.brake))", "max(0.0, wish.brake)"),
        ("no braking for a bend", "if braking_mps2 > 0:", "if False:"),
        (
            "braking for a bend with the throttle down",
            "throttle, brake = 0.0, max(",
            "throttle, brake = throttle, max(",
        ),
        ("a bend beyond the steering range is driven", "            allowed_mps = 0.0", "            pass"),
    ),
    LADDER: (
        # What each rung waits for, and what none may skip.
        ("stale vehicle: 0.5 -> 0.7 s", "STALE_VEHICLE_S = 0.5", "STALE_VEHICLE_S = 0.7"),
        ("back from hold at once", "BACK_FROM_HOLD_S = 0.1", "BACK_FROM_HOLD_S = 0.0"),
        ("back from degraded at once", "BACK_FROM_DEGRADED_S = 0.3", "BACK_FROM_DEGRADED_S = 0.0"),
        ("a second line counts at once", "BOTH_LINES_S = 0.2", "BOTH_LINES_S = 0.0"),
        ("rolling unseen: 2 -> 4 s", "UNSEEN_ROLLING_S = 2.0", "UNSEEN_ROLLING_S = 4.0"),
        ("a successor waits for ever", " and self._mode_s < TAKE_OVER_S", ""),
        ("a successor does not wait", "TAKE_OVER_S = 0.7", "TAKE_OVER_S = 0.0"),
        ("standing without lanes: at once", "STANDSTILL_S = 0.5", "STANDSTILL_S = 0.0"),
        ("after the driver, anywhere in the lane", "REARM_OFFSET_M = 0.5", "REARM_OFFSET_M = 5.0"),
        ("certain again where it got lost", "CERTAIN_AGAIN_RATIO = 0.8", "CERTAIN_AGAIN_RATIO = 1.0"),
        ("drives off at once", "self._valid_s >= self.parameters.engage_time_s and ", ""),
        ("drives off beside the lane", " and now.is_in_lane", ""),
        (
            "drives off without a vehicle state",
            "if now.vehicle_age_s is None or now.speed_mps is None or self._is_stale(now):",
            "if False:",
        ),
        ("after the driver no longer wait", "self._valid_s >= self.parameters.rearm_time_s and ", ""),
        (
            "an interruption does not count",
            "self._valid_s + now.dt_s if sees_any and self._is_certain(now) else 0.0",
            "self._valid_s + now.dt_s",
        ),
        ("lanes count without certainty", "if sees_any and self._is_certain(now) else", "if sees_any else"),
        (
            "hold for ever",
            "now.offset_sigma_m is None or 2 * now.offset_sigma_m >= self.parameters.hold_offset_m",
            "False",
        ),
        ("hold without a lane", "now.offset_sigma_m is None or 2 * now", "now.offset_sigma_m is not None and 2 * now"),
        ("one sigma in place of two", "2 * now.offset_sigma_m >=", "now.offset_sigma_m >="),
        ("goes on without lines", "elif not sees_any:", "elif False:"),
        ("degraded for ever", "if self._mode_s >= self.parameters.degraded_time_s:", "if False:"),
        (
            "recovers with a stale vehicle",
            "if not self._is_stale(now) and self._valid_s >= BACK",
            "if self._valid_s >= BACK",
        ),
        ("an unbelievable speed is no reason", " or now.doubts_speed", ""),
        ("a stop is over by itself", "if self._valid_s >= self.parameters.recovery_time_s:", "if True:"),
        ("lanes end a stop at standstill", "        if self._stands(now):", "        if self._resume_asked:"),
        (
            "a stop ends with a stale vehicle",
            "        if self._is_stale(now):\n            return None\n        if self._stands",
            "        if self._stands",
        ),
        (
            "resume asked for is remembered",
            "        self._resume_asked = False\n        return self.mode",
            "        return self.mode",
        ),
        ("a resume is not heard", "self._resume_asked = True", "self._resume_asked = False"),
        ("rolls on without a lane", "self._valid_s == 0 and now.speed_mps", "False and now.speed_mps"),
        ("disabled, it drives on", "if not self.parameters.enabled:", "if False:"),
        ("the driver is not heard", "if now.driver_steers is not None:", "if False:"),
        ("a stop is lost in a restart", "ControlMode.HOLD if mode in ENGAGED else mode", "ControlMode.HOLD"),
        ("changes without an event", '        self.note("mode", LEVELS', '        LEVELS.get(mode) or ("mode", LEVELS'),
    ),
}


def run_tests(module: str, source: Path, said: Path) -> None:
    """In a process of its own: the tests of a module, with this file as its source; exits with pytest's code."""
    package, _, name = module.rpartition(".")
    spec = importlib.util.spec_from_file_location(module, source)
    assert spec is not None
    assert spec.loader is not None
    mutant = sys.modules[module] = importlib.util.module_from_spec(spec)
    setattr(importlib.import_module(package), name, mutant)
    with said.open("w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            spec.loader.exec_module(mutant)
        except Exception as error:
            print(f"FAILED ::{type(error).__name__} on import")
            sys.exit(1)
        arguments = ["-x", "-q", "-rfE", "--tb=no", "--assert=plain", "--noconftest", str(ROOT / TESTS[module])]
        sys.exit(int(pytest.main(arguments)))


def noticed_by(module: str, source: str) -> str | None:
    """The first test that fails with this source of the module, or None when all pass."""
    with tempfile.TemporaryDirectory() as folder:
        file, said = Path(folder) / "mutant.py", Path(folder) / "said"
        file.write_text(source, encoding="utf-8")
        process = multiprocessing.get_context("fork").Process(target=run_tests, args=(module, file, said))
        process.start()
        process.join(DEADLINE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            return f"no end within {DEADLINE_S:.0f} s"
        if process.exitcode == 0:
            return None
        text = said.read_text(encoding="utf-8")
    found = re.search(r"^(?:FAILED|ERROR) \S*?::(.+?)(?: - .*)?$", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pytest ended with {process.exitcode} and named no test:\n{text}")
    return found.group(1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="mutants whose description has this word")
    options = parser.parse_args()
    count = survived = 0
    for module, made in MUTANTS.items():
        mutants = [mutant for mutant in made if options.only in mutant[0]]
        source = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        for _, text, _ in mutants:
            if source.count(text) != 1:
                raise SystemExit(f"{module}: {text!r}: expected once, found {source.count(text)} times")
        failed = noticed_by(module, source) if mutants else None
        if failed is not None:
            raise SystemExit(f"{module}: {failed} fails without any mutant: mend that first")
        for broken, text, replaced in mutants:
            test = noticed_by(module, source.replace(text, replaced))
            count += 1
            survived += test is None
            print(f"{module.rpartition('.')[2]:14} {broken:48} {test or 'SURVIVED'}", flush=True)
    print(f"{count - survived} of {count} mutants noticed")
    return 1 if survived or not count else 0


if __name__ == "__main__":
    sys.exit(main())
