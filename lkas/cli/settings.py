"""Loading the configuration for a command, with errors as one sentence and exit code 2."""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer

from lkas.config import ConfigError, Configuration, load
from lkas.decision.parameters import DecisionParameters, missing_package
from lkas.detection.parameters import DetectionParameters
from lkas.integration.events.config import EventsConfig
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import Section, declared
from lkas.vehicle import CameraConfig, VehicleConfig

EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 3, 130, 143

SECTIONS: dict[str, type[Section]] = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "detection": DetectionParameters,
    "decision": DecisionParameters,
    "zmq": ZmqConfig,
    "events": EventsConfig,
}

METHOD_HELP = f"Detection method: {', '.join(declared('detection', DetectionParameters)['method'].choices)}."
CONTROLLER_HELP = f"Steering law: {', '.join(declared('decision', DecisionParameters)['controller'].choices)}."

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
    """Exit code 2 when --model names a network file that none of the methods reads."""
    if model is not None and "onnx" not in methods:
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


def configured_ports(configuration: Configuration) -> Ports:
    """The broker's endpoints as configured."""
    return Ports(configuration["zmq"].port_base, configuration["zmq"].host)
