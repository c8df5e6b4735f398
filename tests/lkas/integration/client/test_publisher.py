"""lkas_publisher.h: programs in C and C++ that publish, with LKASClient as the reader; and how the header compiles."""

import re
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

import lkas
from lkas.integration.client import CommandRefusedError, LKASClient
from lkas.integration.shared_memory import DetectionChannel, TimelineChannel, list_segments
from tests.lkas.integration.client.conftest import WAIT_S, compiled
from tests.support.stack import wait_until

SOURCE = Path(__file__).with_name("publisher.c")
COMPILERS = {"c": ("cc", "-std=c11", "-xc"), "c++": ("c++", "-std=c++17", "-xc++")}


@pytest.fixture(scope="module", params=COMPILERS)
def program(request, tmp_path_factory) -> Path:
    compiler, *flags = COMPILERS[request.param]
    return compiled(SOURCE, tmp_path_factory.mktemp("publisher") / "publisher", *flags, compiler=compiler)


@pytest.fixture
def core(program, instance):
    """A running core; it ends with the test, and has printed nothing."""
    process = subprocess.Popen([program, "run", instance], stdout=subprocess.PIPE, text=True)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=WAIT_S)[0] == ""
    assert process.returncode == 0


def until(condition, what):
    return wait_until(condition, what, WAIT_S)


def test_what_is_published_without_stamps(core, client):
    until(lambda: client.health_check()["healthy"], "a healthy core")
    detections, tracks, timelines = client.get_detections(), client.get_tracks(), client.get_timelines()
    assert detections["frame_id"] >= 1
    assert detections["session"] == 0
    assert (timelines["session"], timelines["frame_id"], timelines["timestamp"]) == (7, 70, 7.5)  # given stamps stay
    until(
        lambda: client.get_detections()["timestamp"] == client.get_tracks()["timestamp"],
        "tracks of the newest detection's frame",
    )
    assert client.get_detections()["frame_id"] >= tracks["frame_id"] >= 1
    status = client.get_status()
    assert (status["name"], status["pid"], status["versions"]["program"]) == ("test core", core.pid, "unknown")


def test_every_message_carries_a_checksum(core, client, instance):
    until(lambda: client.health_check()["healthy"], "a healthy core")
    channels = [segment for segment in list_segments(instance=instance) if segment.kind == "channel"]
    assert {segment.name for segment in channels} == {"lane_detection", "lane_tracks", "lane_timeline"}
    assert all(segment.has_checksum for segment in channels)


def test_stats_come_back_through_the_client(core, client):
    assert client.get_stats()["core"] == {} or client.get_stats()["core"].keys() == {"frames", 'a "name"'}
    first = until(lambda: client.get_stats()["core"].get("frames"), "the first stats")
    until(lambda: client.get_stats()["core"]["frames"] > first, "later stats")
    assert client.get_stats()["core"]['a "name"'] == -1.5e-3


def test_a_slow_command_stops_neither_data_nor_heartbeat(core, client):
    until(lambda: client.health_check()["healthy"], "a healthy core")
    acks = []
    with LKASClient() as other:
        asking = threading.Thread(target=lambda: acks.append(other.send_command("SLOW", timeout=WAIT_S * 1000)))
        asking.start()
        before = client.get_detections()["frame_id"]
        until(lambda: client.get_detections()["frame_id"] > before + 50, "fifty frames meanwhile")
        assert acks == []
        assert client.get_status()["state"] == "running"
        asking.join(WAIT_S)
    assert acks == [True]


def test_commands_are_acknowledged_or_refused_with_the_reason_of_the_handler(core, client):
    until(lambda: client.send_command("PING"), "an answer")
    with pytest.raises(CommandRefusedError, match="unknown"):
        client.send_command("FLY", timeout=WAIT_S * 1000)


def test_a_stopped_publisher_starts_again(core, client):
    until(lambda: client.health_check()["healthy"], "a healthy core")
    client.send_command("RESTART", timeout=WAIT_S * 1000)
    until(  # a new channel counts its messages from 1, the core its frames on
        lambda: client.get_detections()["frame_id"] > client.get_stats()["detections"]["sequence"] > 1, "new channels"
    )
    until(lambda: client.health_check()["healthy"], "a healthy core")
    until(lambda: client.send_command("PING"), "an answer")


def test_a_handler_that_stops_its_publisher_is_refused(program, instance, client):
    process = subprocess.Popen([program, "run", instance], stdout=subprocess.PIPE, text=True)
    until(lambda: client.send_command("PING"), "an answer")
    with pytest.raises(CommandRefusedError, match="no"):
        client.send_command("STOP", timeout=WAIT_S * 1000)
    process.terminate()
    assert process.communicate(timeout=WAIT_S)[0] == (
        "test core: a command handler cannot stop its publisher: set a flag\n"
    )


def test_misuse_is_answered_and_reported_once(program, instance):
    with TimelineChannel(create=True) as timelines:  # config.timelines is 0: left to this writer
        done = subprocess.run([program, "misuse", instance], capture_output=True, text=True, timeout=WAIT_S)
        timelines.unlink()
    assert (done.returncode, done.stderr) == (0, "")
    closed, argument, forked = "-9", "-11", "-8"
    assert done.stdout.splitlines() == [
        "test core: detections while it is stopped: call lkas_publisher_start() first",
        closed,
        "0",
        "0",
        "test core: this publisher has been started already",
        argument,
        "test core: 9 tracks, expected 0 to 8",
        argument,
        argument,
        "test core: -1 tracks, expected 0 to 8",
        argument,
        "0",
        "test core: 32 points, expected 0 to 31",
        argument,
        "test core: config.timelines is 0, so it publishes none",
        closed,
        "test core: a stat has a name of 1 to 64 bytes",
        "test core: stat not finite: expected a finite number",
        argument,
        "test core: this publisher belongs to the parent process: make one here",
        forked,
        forked,
        "0",
        "-1",
        'instance "a/b": expected 1 to 64 letters, digits, - or _',
        argument,
        'config.name "": expected 1 to 64 bytes',
        argument,
        'config.name "": expected 1 to 64 bytes',
    ]


def test_another_writer_of_a_channel_is_named(program, instance):
    with DetectionChannel(create=True) as detections:
        done = subprocess.run([program, "run", instance], capture_output=True, text=True, timeout=WAIT_S)
        detections.unlink()
    assert done.returncode == 1
    assert "already writes this channel; stop it, or use another name or instance" in done.stdout


# ---------------------------------------------------------------- compiling

FIRST = "#include <lkas_publisher.h>\n"
MAIN = "int main(void) { return lkas_publisher_start(0) == 0; }\n"


def compile_text(text: str, *flags: str, compiler: str = "gcc") -> "subprocess.CompletedProcess[str]":
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    words = [compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-fsyntax-only", "-I", lkas.get_include(), "-"]
    return subprocess.run(words, input=text, capture_output=True, text=True, timeout=WAIT_S)


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (FIRST + "#include <stdio.h>\n" + MAIN, ("-std=c11", "-xc")),
        ("#include <lkas_messages.h>\n#include <lkas_json.h>\n" + FIRST + MAIN, ("-std=c11", "-xc")),
        ("#include <stdio.h>\n#include <time.h>\n" + FIRST + MAIN, ("-std=gnu11", "-xc")),
        ("#include <stdio.h>\n#include <time.h>\n" + FIRST + MAIN, ("-std=c11", "-D_GNU_SOURCE", "-xc")),
        (FIRST + "#include <string>\n" + MAIN, ("-std=c++17", "-xc++")),
        ("#include <string>\n" + FIRST + MAIN, ("-std=c++17", "-xc++")),
        ('extern "C" {\n' + FIRST + "}\n" + MAIN, ("-std=c++17", "-xc++")),
    ],
)
def test_the_header_compiles_without_a_word(text, flags):
    compiler = "g++" if "-xc++" in flags else "gcc"
    done = compile_text(text, *flags, compiler=compiler)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_the_documentation_compiles():
    page = Path(lkas.__file__).parents[1] / "docs" / "client.md"
    (example,) = re.findall(
        r"^```c\n#include <lkas_publisher.h>\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
    )
    text = f"""{FIRST}
static const char *my_command_handler(const lkas_command *command, void *context) {{
    return command || context ? 0 : "no";
}}
int main(void) {{
    const int tracks_count = 0, stats_count = 1;
    struct lkas_track tracks[8];
    const lkas_stat stats[] = {{{{"fps", 9.8}}}};
    struct lkas_detection_message detection;
    struct lkas_timeline_message timeline;
    memset(&detection, 0, sizeof detection);
    memset(&timeline, 0, sizeof timeline);
    memset(tracks, 0, sizeof tracks);
    {example}
    return 0;
}}
"""
    for flags, compiler in ((("-std=c11", "-xc"), "gcc"), (("-std=c++17", "-xc++"), "g++")):
        done = compile_text(text, *flags, compiler=compiler)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_feature_macro_is_one_sentence():
    done = compile_text("#include <stdio.h>\n#include <time.h>\n" + FIRST + MAIN, "-std=c11", "-xc")
    assert done.returncode != 0
    errors = [line for line in done.stderr.splitlines() if re.search(r":\d+:\d+: ", line)]
    assert len(errors) == 2  # the sentence, and the stop
    assert "include lkas_*.h first, or add -D_GNU_SOURCE" in errors[0]
    assert "see the #error above" in errors[1]
