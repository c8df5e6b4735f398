"""Loading the configuration for a command, with errors as one sentence and exit code 2."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer

from lkas.config import ConfigError, Configuration, load
from lkas.decision.parameters import CONTROLLERS, DecisionParameters, missing_package
from lkas.detection.parameters import METHODS, DetectionParameters
from lkas.integration.events.config import EventsConfig
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import Section
from lkas.plugins.load import PATTERN, is_own_name
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from lkas.runtime.instance import INSTANCE_VARIABLE, instance_name
from lkas.vehicle import CameraConfig, VehicleConfig

TRIAL_LIMIT_S = 120.0  # of own code: a large network takes its time to load

SECTIONS: dict[str, type[Section]] = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "detection": DetectionParameters,
    "decision": DecisionParameters,
    "zmq": ZmqConfig,
    "events": EventsConfig,
}

METHOD_HELP = f"Detection method: {', '.join(METHODS)}, or {PATTERN} of your own."
CONTROLLER_HELP = f"Steering law: {', '.join(CONTROLLERS)}, or {PATTERN} of your own."
MODEL_HELP = "Lane network of method onnx (TwinLiteNet or UFLD kind)."

ConfigOption = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="YAML file with sections and keys to change.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one key, as in --set detection.canny_low=60."),
]
InstanceOption = Annotated[
    str, typer.Option("--instance", envvar="LKAS_INSTANCE", metavar="NAME", help="Which stack, when several run.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.", metavar="")]


def fail(message: str, code: int) -> NoReturn:
    """One sentence on standard error, and out."""
    typer.echo(f"lkas: {message}", err=True)
    raise typer.Exit(code)


def checked_instance(instance: str) -> str:
    """The name of this stack, from here on also the default one, or exit code 2 with the reason."""
    try:
        name = instance_name(instance)
    except ValueError as error:
        fail(f"--instance: {error}", EXIT_USAGE)
    os.environ[INSTANCE_VARIABLE] = name
    return name


def load_settings(
    file: str | None, assignments: Sequence[str] | None, flags: Mapping[str, tuple[str, Any]] | None = None
) -> Configuration:
    """The lkas sections, or exit code 2 with the reason."""
    try:
        configuration = load(SECTIONS, file=file, environ=os.environ, assignments=assignments or (), flags=flags)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    trouble = missing_package(configuration["decision"].controller)
    if trouble is not None:
        fail(trouble, EXIT_USAGE)
    return configuration


def check_model_is_read(model: str | None, methods: Sequence[str]) -> None:
    """Exit code 2 when --model names a network file that none of the methods reads; one of the user's own may."""
    if model is not None and not any(method == "onnx" or is_own_name(method) for method in methods):
        fail(f"--model {model}: method {', '.join(methods)} reads no such file; add --method onnx", EXIT_USAGE)


def check_model(configuration: Configuration, model: str | None) -> None:
    """Exit code 2 with the reason when method onnx lacks a network file that fits it, or another one is given one."""
    check_model_is_read(model, [configuration["detection"].method])
    if configuration["detection"].method != "onnx":
        return
    from lkas.detection import create_detector
    from lkas.detection.net.runtime import ModelError

    try:
        create_detector("onnx", configuration["detection"], configuration["camera"])
    except ModelError as error:
        fail(str(error), EXIT_USAGE)


def check_own_code(configuration: Configuration) -> None:
    """Exit code 2 with the reason when the own method or controller of this configuration can not be used.

    It is tried in a process of its own: what keeps the others running loads neither NumPy nor code that may crash.
    """
    chosen = configuration["detection"].method, configuration["decision"].controller
    names = " and ".join(name for name in chosen if is_own_name(name))
    if not names:
        return
    try:
        command = [sys.executable, "-m", "lkas.cli.trial"]
        code = subprocess.run(command, input=configuration.to_json(), text=True, timeout=TRIAL_LIMIT_S).returncode
    except subprocess.TimeoutExpired:
        fail(f"{names}: the first picture and the first command took more than {TRIAL_LIMIT_S:g} s", EXIT_USAGE)
    except KeyboardInterrupt:
        fail("interrupted", EXIT_INTERRUPTED)
    if code == EXIT_USAGE:
        raise typer.Exit(EXIT_USAGE)  # it has said why
    if code != 0:
        fail(f"{names}: trying it ended with code {code}; nothing was started", EXIT_FAILED)


def configured_ports(configuration: Configuration) -> Ports:
    """The broker's endpoints as configured."""
    return Ports(configuration["zmq"].port_base, configuration["zmq"].host)
