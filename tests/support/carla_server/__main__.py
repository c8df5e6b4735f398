"""`python -m tests.support.carla_server`: a CARLA server without CARLA, for the real client library.

python -m tests.support.carla_server --port 2000
simulation --broadcast --backend carla --config configs/carla.yaml      # in another terminal
"""

import argparse
import asyncio
from pathlib import Path

from lkas.runtime.child import die_with_supervisor
from simulation.embedded.world import built_in_map
from tests.support.carla_server.faults import Faults
from tests.support.carla_server.layouts import VERSION
from tests.support.carla_server.server import serve

PURPOSE = "A CARLA server without CARLA: speaks the protocol of 0.9.16 and drives in the project's embedded world."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.support.carla_server", description=PURPOSE)
    parser.add_argument("--port", type=int, default=0, help="port of the calls; 0 takes a free one (default)")
    parser.add_argument("--map", type=Path, action="append", help="OpenDRIVE file to offer; the first one is loaded")
    parser.add_argument("--lifetime", type=float, default=3600.0, metavar="SECONDS", help="end after this time (3600)")
    parser.add_argument("--version", default=VERSION, help=f"version to report ({VERSION})")
    arguments = parser.parse_args()
    die_with_supervisor()
    maps = {path.stem: path for path in arguments.map or [built_in_map()]}

    def on_ready(port: int) -> None:
        print(f"CARLA stub {arguments.version} on port {port}, map {next(iter(maps))}", flush=True)

    try:
        asyncio.run(serve(arguments.port, maps, Faults(version=arguments.version), arguments.lifetime, on_ready))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
