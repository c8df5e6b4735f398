"""One run as a value: everything that determines its outcome, and the hash of it."""

import functools
import hashlib
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from lkas.plugins.names import is_plugin_name, short_name
from lkas.plugins.sources import content_digest
from simulation.evaluation.scenario import Scenario

SOURCES = (".py", ".c", ".h", ".onnx")
ROOT = Path(__file__).resolve().parents[2]


class Job(Struct, frozen=True, kw_only=True):
    """One run to be driven."""

    scenario: Scenario
    seed: int
    method: str
    controller: str
    latency_s: float
    configuration: str  # JSON of SECTIONS
    map_file: str
    plugin_digest: str  # hash of the sources of plugins among method, controller and world
    inputs: str  # hash of all of these, of the map's content and of the project's source code

    @property
    def name(self) -> str:
        """Readable name; with the hash, the name of the result file."""
        latency_ms = round(self.latency_s * 1e3)
        drive = f"{self.scenario.name}.{self.scenario.header.condition}"
        return f"{drive}.{short_name(self.method)}.{short_name(self.controller)}.{latency_ms}ms.seed{self.seed}"

    @property
    def file_name(self) -> str:
        return f"{self.name}.{self.inputs[:12]}.json"


def job_of(
    scenario: Scenario, *, seed: int, method: str, controller: str, latency_s: float, configuration: str, map_file: Path
) -> Job:
    """Create a job with its hash. The latency of the scenario takes precedence."""
    if scenario.header.latency_s is not None:
        latency_s = scenario.header.latency_s
    names = short_name(method), short_name(controller)  # a plugin is identified by its content, not its folder
    world = None if scenario.world is None else short_name(scenario.world)
    inputs = structs.replace(scenario, map=None, world=world), seed, *names, latency_s, configuration
    digest = hashlib.sha256(msgspec.json.encode(inputs))
    plugins = plugin_digest(method, controller, scenario.world or "")
    digest.update(plugins.encode())
    digest.update(map_file.read_bytes())
    digest.update(code_digest())
    return Job(
        scenario=scenario,
        seed=seed,
        method=method,
        controller=controller,
        latency_s=latency_s,
        configuration=configuration,
        map_file=str(map_file),
        plugin_digest=plugins,
        inputs=digest.hexdigest(),
    )


def plugin_digest(*names: str) -> str:
    """Return the hash of the sources of all plugins among these names; empty without a plugin."""
    return "".join(content_digest(name).hex() for name in names if is_plugin_name(name))


@functools.cache
def code_digest() -> bytes:
    """Return the hash of all source files that may affect a run."""
    digest = hashlib.sha256()
    for package in ("lkas", "simulation"):
        for path in sorted((ROOT / package).rglob("*")):
            if path.suffix in SOURCES:
                digest.update(path.read_bytes())
    return digest.digest()
