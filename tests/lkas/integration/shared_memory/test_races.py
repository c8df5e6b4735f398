"""The core under sanitizers, and in the critical orders of events. Without each protection, the tests fail.

The C programs are built with copies of the headers into which `RACE_GAP` calls are written where another thread can
come between; a mutation then breaks one line of a copy. A line that is no longer there fails the test.
"""

import functools
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from lkas import get_include

FOLDER = Path(__file__).with_name("races")
COUNT = 500  # messages per reader; each mutant was found within 250 in ten of ten runs
TORN = 3
RACE = 66

SANITIZERS = {
    "thread": (["-fsanitize=thread"], {"TSAN_OPTIONS": f"halt_on_error=1 exitcode={RACE}"}),
    "address": (
        ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        {"ASAN_OPTIONS": f"detect_leaks=1:exitcode={RACE}", "UBSAN_OPTIONS": "print_stacktrace=1"},
    ),
}

GAPS = {  # after this line: this point
    "            uint64_t before = lkas__load(&slot->mark, relaxed);\n": "CLAIM_CHOSEN",
    "            lkas__store(&slot->mark, 2 * writer->sequence - 1, seq_cst);\n": "CLAIM_MARKED",
    "        if (index >= channel->facts.slots) break;\n": "VIEW_FOUND",
    "        lkas__store(word, index + 1, seq_cst);\n": "VIEW_PINNED",
    "    if (lkas__load(&slot->mark, acquire) != mark) return 0;\n": "COPY_STARTED",
    "        memcpy((char *)record + 8 * i, &word, 8);\n": "COPYING",
    "    /* Announced and checked: a message from here on must end the sleep. */\n": "WAIT_LOOKED",
}

SECOND_PIN_CHECK = ("if (!(lkas__pinned_slots(header) >> index & 1)) {", "if (1) {")
FIRST_PIN_CHECK = ("uint64_t taken = lkas__pinned_slots(header) |", "uint64_t taken =")
MARK_AFTER_PINNING = ("if (lkas__load(&slot->mark, seq_cst) != 2 * (latest >> 8)) continue;", "(void)slot;")
RESTORED_MARK = ("lkas__store(&slot->mark, before, seq_cst);", "(void)before;")
MARK_AFTER_COPYING = ("return lkas__load(&slot->mark, relaxed) == mark;", "return 1;")
SAMPLED_WAKE = (
    "(uint32_t)waiters[0].value, slice_ns);",
    "lkas__load((LKAS_ATOMIC(uint32_t) *)(uintptr_t)waiters[0].address, seq_cst), slice_ns);",
)
SEEN_WAITERS = ("if (lkas__load(&header->waiters, seq_cst)) lkas__raise_wake(header);", "")
WITH_CRC = ("facts->has_crc = spec->has_crc;", "facts->has_crc = 1;")
RELEASING_UNPIN = ("pins[view->pin], 0u, release);", "pins[view->pin], 0u, relaxed);")


def compiler_has(flags: tuple[str, ...], folder: Path) -> bool:
    source = folder / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    program = folder / "empty"
    try:
        subprocess.run(["gcc", *flags, "-o", program, source], check=True, capture_output=True, timeout=300)
        return subprocess.run([program], capture_output=True, timeout=300).returncode == 0
    except (OSError, subprocess.CalledProcessError):
        return False


def copy_headers(folder: Path, changes: Iterable[tuple[str, str]]) -> None:
    """Copy the headers of the core into `folder`, each change made in the one header that has its text."""
    texts = {path.name: path.read_text() for path in Path(get_include()).glob("*.h")}
    for old, new in changes:
        found = [name for name, text in texts.items() if old in text]
        assert len(found) == 1, f"expected this in one header, found it in {found}: {old}"
        assert texts[found[0]].count(old) == 1, f"expected this once in {found[0]}: {old}"
        texts[found[0]] = texts[found[0]].replace(old, new)
    for name, text in texts.items():
        (folder / name).write_text(text)


def with_gaps(mutations: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The mutations, and a call of race_gap() after each line of GAPS that none of them changes."""
    gaps = [(line, f"{line}RACE_GAP({point});\n") for line, point in GAPS.items()]
    return [gap for gap in gaps if not any(old in gap[0] for old, _ in mutations)] + list(mutations)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """`build("threads", flags, mutations)`: the program, built once per combination."""

    @functools.cache
    def built(name: str, flags: tuple[str, ...], mutations: tuple[tuple[str, str], ...] = ()) -> Path:
        folder = tmp_path_factory.mktemp(name)
        if not compiler_has(flags, folder):
            pytest.skip(f"gcc {' '.join(flags)} is missing or does not run here")
        copy_headers(folder, with_gaps(mutations))
        # -fno-builtin: the sanitizers see each memcpy and memset.
        warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-variable"]  # -Wtsan too: refuses stand-alone fences
        optimised = ["-O1", "-g"] if flags else ["-O0"]
        options = ["-std=c11", *optimised, "-fno-builtin", "-pthread", *warnings, *flags]
        program = folder / name
        subprocess.run(
            ["gcc", *options, "-I", folder, "-o", program, FOLDER / f"{name}.c"],
            check=True,
            timeout=300,
        )
        return program

    return built


def play(program: Path, path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [program, path, *arguments], capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
    return done.returncode, done.stderr


# ---------------------------------------------------------------- sanitizers


@pytest.mark.parametrize("changes", [(), (WITH_CRC,)], ids=["", "with CRC"])
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_threads_over_one_mapping_are_clean(build, tmp_path, sanitizer, changes):
    flags, environment = SANITIZERS[sanitizer]
    assert play(build("threads", tuple(flags), changes), tmp_path / "segment", str(COUNT), **environment) == (0, "")


@pytest.mark.parametrize(
    "mutations",
    [(FIRST_PIN_CHECK, SECOND_PIN_CHECK), (MARK_AFTER_PINNING,), (RELEASING_UNPIN,)],
    ids=["no pin check", "no look at the mark after pinning", "unpinning without release"],
)
def test_thread_sanitizer_reports_a_missing_protection(build, tmp_path, mutations):
    flags, environment = SANITIZERS["thread"]
    program = build("threads", tuple(flags), mutations)
    code, report = play(program, tmp_path / "segment", str(100 * COUNT), **environment)
    assert code in (RACE, TORN), report
    assert ("data race" in report) == (code == RACE)


# ---------------------------------------------------------------- orders of events

SCENARIOS = {
    "overwritten_before_pin": (MARK_AFTER_PINNING, TORN),
    "replaced_before_pin": (MARK_AFTER_PINNING, TORN),
    "written_while_copying_record": (MARK_AFTER_COPYING, TORN),
    "written_before_copying_record": (MARK_AFTER_COPYING, 1),
    "published_before_sleep": (SAMPLED_WAKE, -signal.SIGALRM),
    "published_to_a_sleeper": (SEEN_WAITERS, -signal.SIGALRM),
    "closed_before_sleep": (SAMPLED_WAKE, -signal.SIGALRM),
    "pinned_while_claiming": (SECOND_PIN_CHECK, TORN),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_order_of_events_is_safe(build, tmp_path, scenario):
    assert play(build("interleavings", ()), tmp_path / "segment", scenario, "120") == (0, "")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_each_order_of_events_needs_its_protection(build, tmp_path, scenario):
    mutation, expected = SCENARIOS[scenario]
    for_ever_s = "1" if expected == -signal.SIGALRM else "120"
    code, report = play(build("interleavings", (), (mutation,)), tmp_path / "segment", scenario, for_ever_s)
    assert code == expected, report


def test_a_pinned_slot_gets_its_mark_back(build, tmp_path):
    program = build("interleavings", (), (RESTORED_MARK,))
    played = play(program, tmp_path / "segment", "pinned_while_claiming", "120")
    assert played == (1, "the pinned slot lost its mark\n")
