"""Tries the configured detector and controller plugins before a drive starts; see `settings.check_plugins`."""

import sys

import typer

from lkas.cli.settings import SECTIONS
from lkas.config import from_json
from lkas.plugins.guard import PluginError
from lkas.plugins.names import is_plugin_name
from lkas.runtime.exit_codes import EXIT_USAGE


def main() -> int:
    """Create and try the plugins of the configuration on standard input; return the exit code."""
    from lkas.decision.bicycle import Bicycle
    from lkas.decision.controllers import create_controller
    from lkas.decision.controllers.plugin import try_controller
    from lkas.detection import create_detector
    from lkas.detection.methods.plugin import try_detector

    configuration = from_json(SECTIONS, sys.stdin.read())
    detection, decision = configuration["detection"], configuration["decision"]
    try:
        if is_plugin_name(detection.method):
            try_detector(create_detector(detection.method, detection, configuration["camera"]), configuration["camera"])
        if is_plugin_name(decision.controller):
            try_controller(create_controller(decision, Bicycle(configuration["vehicle"], decision)))
    except PluginError as error:
        typer.echo(f"lkas: {error}", err=True)
        return EXIT_USAGE
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
