"""The checks of `lkas doctor` apart from segments and sockets: installation, memory and ports."""

import platform
import shutil
import socket
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

import msgspec

from lkas.integration.zmq.ports import PORT_COUNT, Ports

NEEDED_FREE_MB = 64  # eight slots of the default camera, with some reserve
CARLA_PORT = 2000  # CARLA's own default


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check; `advice` says what to do when it is not fine."""

    name: str
    fine: bool
    found: str
    advice: str = ""


def findings(ports: Ports) -> Iterator[Finding]:
    """Check Python, the compiled core, packages, shared memory, the broker's ports and CARLA."""
    from lkas.integration.shared_memory.segment import DEFAULT_DIRECTORY

    yield Finding(name="Python", fine=True, found=f"{platform.python_version()} on {platform.platform()}")
    yield _core()
    packages = {name: metadata.version(name) for name in ("numpy", "opencv-python-headless", "pyzmq", "msgspec")}
    yield Finding(
        name="packages", fine=True, found=", ".join(f"{name} {version}" for name, version in packages.items())
    )
    free_mb = shutil.disk_usage(DEFAULT_DIRECTORY).free // 2**20
    yield Finding(
        name="shared memory",
        fine=free_mb >= NEEDED_FREE_MB,
        found=f"{free_mb} MB free in {DEFAULT_DIRECTORY}",
        advice=f"a stack needs about {NEEDED_FREE_MB} MB: enlarge {DEFAULT_DIRECTORY} (docker run --shm-size=256m)",
    )
    yield _broker_ports(ports)
    yield _carla()


def _core() -> Finding:
    try:
        from lkas.integration.shared_memory import _core

        return Finding(name="compiled core", fine=True, found=str(_core.__file__))
    except ImportError as error:
        return Finding(name="compiled core", fine=False, found=str(error), advice="run `make setup`")


def _broker_ports(ports: Ports) -> Finding:
    taken = [port for port in range(ports.base, ports.last + 1) if _accepts(ports.host, port)]
    names = f"{ports.base}-{ports.last}"
    if not taken:
        return Finding(name="broker ports", fine=True, found=f"{names} are free")
    if len(taken) == PORT_COUNT:
        return Finding(name="broker ports", fine=True, found=f"a broker uses {names}")
    return Finding(
        name="broker ports",
        fine=False,
        found=f"another program uses {', '.join(map(str, taken))} of {names}",
        advice=f"stop it, or choose other ports: --set zmq.port_base={ports.base + 1000} in all three programs",
    )


def _carla() -> Finding:
    client = metadata.version("carla") if find_spec("carla") else "not installed"
    server = "running" if _accepts("127.0.0.1", CARLA_PORT) else "not running"
    return Finding(
        name="CARLA",
        fine=True,
        found=f"client {client}, server {server} (optional: the embedded world needs none)",
    )


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.2):
            return True
    except OSError:
        return False
