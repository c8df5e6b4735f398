"""`lkas demo`: the page it announces is the page that its viewer serves."""

import pytest
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.page import ViewerConfig


@pytest.fixture
def run_demo(monkeypatch):
    """Run the command without starting a process; return its first line and the options of the viewer."""
    started = {}

    def drive(configuration, instance, log_options, duration_s, options):
        started.update(options)
        return 130, {}

    monkeypatch.setattr("lkas.cli.demo._drive", drive)

    def run(*arguments: str) -> tuple[str, list[str]]:
        done = CliRunner().invoke(app, ["demo", "--no-browser", "--set", "zmq.port_base=16557", *arguments])
        assert done.exit_code == 130, done.output
        return done.stdout.splitlines()[0], started["viewer"]

    return run


@pytest.mark.parametrize(
    ("arguments", "port"),
    [
        ([], ViewerConfig().port),
        (["--port", "18999"], 18999),
        (["--set", "viewer.port=18999"], 18999),
        (["--port", "18999", "--set", "viewer.port=18998"], 18999),
    ],
)
def test_the_announced_page_is_the_configured_one(run_demo, arguments, port):
    line, viewer = run_demo(*arguments)
    assert f"http://localhost:{port}/" in line
    assert ("--port" in viewer) == ("--port" in arguments)


def test_a_file_and_the_environment_move_the_page(run_demo, tmp_path, monkeypatch):
    file = tmp_path / "page.yaml"
    file.write_text("viewer: {port: 18997, max_clients: 3}")
    assert "http://localhost:18997/" in run_demo("--config", str(file))[0]
    monkeypatch.setenv("LKAS_VIEWER__PORT", "18996")
    assert "http://localhost:18996/" in run_demo("--config", str(file))[0]


def test_a_page_on_any_free_port_is_announced_by_the_viewer_only(run_demo):
    line, viewer = run_demo("--port", "0")
    assert line == "demo: Ctrl-C ends the drive"
    assert viewer[:2] == ["--port", "0"]


def test_a_wrong_port_is_refused_before_a_process_starts():
    done = CliRunner().invoke(app, ["demo", "--no-browser", "--set", "viewer.port=99999"])
    assert done.exit_code == 2
    assert "viewer.port" in done.stderr
    assert "from 0 to 65535" in done.stderr
