"""Files that cannot be written or read: one sentence, no crash loop, no lost result."""

from tests.support.stack import PATIENCE_S


def test_a_full_disk_is_one_sentence_after_the_drive(stack):
    demo = stack.start(
        *("lkas", "demo", "--no-browser", "--port", str(stack.viewer_port), "--duration", "2", "--json", "/dev/full")
    )
    assert demo.wait(PATIENCE_S) == 1
    assert stack.output().splitlines()[-1] == "lkas: --json /dev/full: cannot be written: No space left on device"
    assert "distance" in stack.output(), "the metrics of the simulation"


def test_a_bad_calibration_file_ends_the_first_start(stack, tmp_path):
    """It used to restart detection for ever."""
    pose = tmp_path / "pose.json"
    pose.write_text("[" * 100_000)
    lkas = stack.start("lkas", "--set", f"detection.calibration_file={pose}")
    assert lkas.wait(PATIENCE_S) == 2
    assert f"{pose}: expected a JSON object" in stack.output()
    assert "restarting" not in stack.output()
