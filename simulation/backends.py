"""Which world to run: the one place that knows them all, and imports only the chosen one."""

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.world import World


def chosen_backend(simulation: SimulationConfig) -> str:
    """`auto` resolved: a source asks for the video world, else the embedded one needs nothing."""
    if simulation.backend != "auto":
        return simulation.backend
    return "video" if simulation.source is not None else "embedded"


def build_world(simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> World:
    """The world of `chosen_backend`. Raises WorldError."""
    if chosen_backend(simulation) == "video":
        from simulation.video.world import open_source

        return open_source(simulation, camera, vehicle)
    from simulation.embedded.world import EmbeddedWorld

    return EmbeddedWorld(simulation, camera, vehicle)
