"""Writes the files derived from declarations: configs/default.yaml, lkas_messages.h, channels.pyi, the built-in map.

`make defaults` runs this; tests compare the committed files with it.
"""

from pathlib import Path

from configs.maps.make_loop import duckie_loop_xml, loop_xml, small_loop_xml
from lkas.cli.settings import SECTIONS
from lkas.config import default_yaml
from lkas.integration.shared_memory.c_header import c_header
from lkas.page import ViewerConfig
from scripts.channel_stub import STUB, channel_stub
from simulation.carla.config import CarlaConfig
from simulation.config import SimulationConfig

ROOT = Path(__file__).parents[1]
ALL_SECTIONS = {**SECTIONS, "simulation": SimulationConfig, "carla": CarlaConfig, "viewer": ViewerConfig}


def derived_files() -> dict[Path, str]:
    """Return the text of every derived file by path."""
    return {
        ROOT / "configs/default.yaml": default_yaml(ALL_SECTIONS),
        ROOT / "configs/maps/loop.xodr": loop_xml(),
        ROOT / "configs/maps/small_loop.xodr": small_loop_xml(),
        ROOT / "configs/maps/duckie_loop.xodr": duckie_loop_xml(),
        ROOT / "lkas/include/lkas_messages.h": c_header(),
        STUB: channel_stub(),
    }


def main() -> None:
    for path, text in derived_files().items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
