"""The inboxes of the sockets under sanitizers. Without each protecting line, the tests fail."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.lkas.integration.shared_memory.test_races import FOLDER, RACE, SANITIZERS, TORN, compiler_has, copy_headers

COUNT = 400  # messages per sender; the mutants are found within the first few hundred

MUTATIONS = {
    "a message counts before it is seen whole": ("claim->position + 1, seq_cst);", "claim->position + 1, relaxed);"),
    "a message is read before it is whole": (
        "lkas__load(&header->tail, acquire);",
        "lkas__load(&header->tail, relaxed);",
    ),
    "room is given back while it is read": ("&header->freed, freed, seq_cst);", "&header->freed, freed, relaxed);"),
    "room is filled while it is read": (
        "    freed = lkas__load(&header->freed, seq_cst);\n    lkas__store(&header->known_freed",
        "    freed = lkas__load(&header->freed, relaxed);\n    lkas__store(&header->known_freed",
    ),
    "younger messages are given back with older ones": (
        "while (freed < head && lkas__load(&lkas_ring_entry_at(ring, freed)->is_released, relaxed)) ++freed;",
        "freed = head;",
    ),
    "released messages stay so": ("lkas__store(&entry->is_released, 0u, relaxed);", ""),
    "slots are not counted": ("if (tail - freed >= ring->slots) return LKAS_RING_FULL;", ""),
    "senders take no turns": ("if (lkas__swap_if(&header->turn, &unused, ring->seat + 1)) return", "return"),
}


@pytest.fixture
def build(tmp_path):
    """`build(sanitizer, mutation)`: the program and its environment."""

    def built(sanitizer: str, mutation: tuple[str, str] | None = None) -> tuple[Path, dict[str, str]]:
        flags, environment = SANITIZERS[sanitizer]
        if not compiler_has(tuple(flags), tmp_path):
            pytest.skip(f"gcc {' '.join(flags)} is missing or does not run here")
        copy_headers(tmp_path, [mutation] if mutation else [])
        program = tmp_path / "ring"
        options = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-fno-builtin", "-pthread", "-Wall", "-Wextra", *flags]
        folders = ["-I", tmp_path]
        subprocess.run(["gcc", *options, *folders, "-o", program, FOLDER / "ring.c"], check=True, timeout=300)
        return program, environment

    return built


def play(built: tuple[Path, dict[str, str]], count: int) -> tuple[int, str]:
    program, environment = built
    done = subprocess.run(
        [program, program.with_name("inbox"), str(count)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_threads_over_one_inbox_are_clean(build, sanitizer):
    assert play(build(sanitizer), COUNT) == (0, "")


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_thread_sanitizer_reports_a_missing_protection(build, mutation):
    code, report = play(build("thread", mutation), 10 * COUNT)
    assert code in (RACE, TORN), report
