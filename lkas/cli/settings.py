"""Loads the configuration of a command. Errors are one sentence and exit code 2."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from lkas.config import ConfigError, Configuration, load
from lkas.decision.parameters import CONTROLLERS, DecisionParameters, missing_package
from lkas.detection.parameters import METHODS, DetectionParameters
from lkas.integration.events.config import EventsConfig
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import Section
from lkas.plugins.names import PATTERN, is_plugin_name
from lkas.runtime import log
from lkas.runtime.descriptors import DescriptorLimitError, raise_descriptor_limit
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from lkas.runtime.instance import INSTANCE_VARIABLE, instance_name
from lkas.runtime.log import LogOptions, Output
from lkas.runtime.printable import printable_lines
from lkas.runtime.processes import python_command
from lkas.vehicle import CameraConfig, VehicleConfig

PLUGIN_CHECK_TIMEOUT_S = 120.0  # a large network takes its time to load

SECTIONS: dict[str, type[Section]] = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "detection": DetectionParameters,
    "decision": DecisionParameters,
    "zmq": ZmqConfig,
    "events": EventsConfig,
}

METHOD_HELP = f"Detection method: {', '.join(METHODS)}, or {PATTERN} for a plugin."
CONTROLLER_HELP = f"Steering controller: {', '.join(CONTROLLERS)}, or {PATTERN} for a plugin."
MODEL_HELP = "Lane network for method onnx: an ONNX file of TwinLiteNet or UFLD."

ConfigOption = Annotated[
    str | None, typer.Option("--config", metavar="FILE", help="YAML file with the keys to change.")
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
    """Print one sentence on standard error and exit with this code."""
    typer.echo(f"lkas: {printable_lines(message)}", err=True)
    raise typer.Exit(code)


def checked_instance(instance: str) -> str:
    """Return the instance name and make it the default of this process. Exits with code 2 when it is not valid."""
    try:
        name = instance_name(instance)
    except ValueError as error:
        fail(f"--instance: {error}", EXIT_USAGE)
    os.environ[INSTANCE_VARIABLE] = name
    return name


def set_up_output(process: str, options: LogOptions) -> Output:
    """Send all output through bounded queues. Exits with code 2 without a log file or with too few descriptors."""
    try:
        raise_descriptor_limit()
        return log.set_up(process, options)
    except (DescriptorLimitError, log.LogFileError) as error:
        fail(str(error), EXIT_USAGE)


def load_settings(
    file: str | None,
    assignments: Sequence[str] | None,
    flags: Mapping[str, tuple[str, Any]] | None = None,
    sections: Mapping[str, type[Section]] = SECTIONS,
) -> Configuration:
    """Load the sections of `lkas`, or of another command. Exits with code 2 and the reason on an error."""
    try:
        configuration = load(sections, file=file, environ=os.environ, assignments=assignments or (), flags=flags)
    except ConfigError as error:
        fail(str(error), EXIT_USAGE)
    problem = missing_package(configuration["decision"].controller)
    if problem is not None:
        fail(problem, EXIT_USAGE)
    return configuration


def check_model_is_read(model: str | None, methods: Sequence[str]) -> None:
    """Exit with code 2 when none of the methods reads the --model file. Plugins may read it."""
    if model is not None and not any(method == "onnx" or is_plugin_name(method) for method in methods):
        fail(f"--model {model}: method {', '.join(methods)} does not read it; add --method onnx", EXIT_USAGE)


def check_model(configuration: Configuration, model: str | None) -> None:
    """Exit with code 2 when method onnx has no valid network file, or another method is given one."""
    check_model_is_read(model, [configuration["detection"].method])
    if configuration["detection"].method != "onnx":
        return
    from lkas.detection import create_detector
    from lkas.detection.net.runtime import ModelError

    try:
        create_detector("onnx", configuration["detection"], configuration["camera"])
    except ModelError as error:
        fail(str(error), EXIT_USAGE)


def check_plugins(configuration: Configuration) -> None:
    """Exit with code 2 and the reason when the configured plugins cannot be used.

    A separate process tries them, so that the supervisor loads neither NumPy nor code that may crash.
    """
    chosen = configuration["detection"].method, configuration["decision"].controller
    names = " and ".join(name for name in chosen if is_plugin_name(name))
    if not names:
        return
    try:
        command = python_command("lkas.cli.plugin_check")
        code = subprocess.run(
            command, input=configuration.to_json(), text=True, timeout=PLUGIN_CHECK_TIMEOUT_S
        ).returncode
    except subprocess.TimeoutExpired:
        fail(f"{names}: the first image and the first command took more than {PLUGIN_CHECK_TIMEOUT_S:g} s", EXIT_USAGE)
    except KeyboardInterrupt:
        fail("interrupted", EXIT_INTERRUPTED)
    if code == EXIT_USAGE:
        raise typer.Exit(EXIT_USAGE)  # the check has printed the reason
    if code != 0:
        fail(f"{names}: its check ended with code {code}; nothing was started", EXIT_FAILED)


def configured_ports(configuration: Configuration) -> Ports:
    """Return the configured endpoints of the broker."""
    return Ports(configuration["zmq"].port_base, configuration["zmq"].host)


def with_free_ports(configuration: Configuration) -> Configuration:
    """Return the configuration with `zmq.port_base` = 0 replaced by the first of six free ports."""
    from lkas.integration.zmq.ports import free_port_base

    zmq = configuration["zmq"]
    if zmq.port_base:
        return configuration
    chosen = msgspec.structs.replace(zmq, port_base=free_port_base(zmq.host))
    return Configuration({**{name: configuration[name] for name in configuration}, "zmq": chosen})
