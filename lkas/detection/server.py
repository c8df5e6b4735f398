"""The process `detection`: moves messages between the channels and a DetectionServer."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lkas.clock import MonotonicClock
from lkas.detection import create_detector
from lkas.detection.calibration.pose_file import PoseFileError, save_pose, with_saved_pose
from lkas.detection.cycle import DetectionInputs, DetectionServer
from lkas.detection.parameters import DetectionParameters
from lkas.integration.shared_memory.messages import DetectionMessage, TracksMessage
from lkas.integration.shared_memory.stamps import VehicleStamps
from lkas.integration.zmq.ports import Ports, ZmqConfig
from lkas.parameters import declared, is_read_by
from lkas.plugins.guard import PluginError
from lkas.runtime.child import Child
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.server_loop import run
from lkas.runtime.threads import use_one_thread
from lkas.scale import scale_of_lane
from lkas.vehicle import CameraConfig

if TYPE_CHECKING:
    from lkas.integration.shared_memory import DetectionChannel, ImageChannel, TracksChannel, VehicleChannel
    from lkas.integration.zmq.client import ParameterClient

logger = logging.getLogger(__name__)


class DetectionChannels:
    """The channels of the process. `tracks` is None when another process writes that channel."""

    def __init__(
        self,
        images: "ImageChannel",
        vehicles: "VehicleChannel",
        detections: "DetectionChannel",
        tracks: "TracksChannel | None",
    ) -> None:
        self._images, self._vehicles, self._stamps = images, vehicles, VehicleStamps()
        self._detections, self._tracks = detections, tracks

    @contextmanager
    def read(self, timeout_s: float) -> Iterator[DetectionInputs]:
        """Wait up to `timeout_s` for a new frame, which is not copied: it is valid within the context."""
        vehicle = self._vehicles.latest()
        with self._images.view(timeout=timeout_s) as image:
            yield DetectionInputs(image, None if vehicle is None else self._stamps.complete(vehicle))

    def write(self, message: DetectionMessage | TracksMessage) -> None:
        if isinstance(message, DetectionMessage):
            self._detections.write_message(message)
        elif self._tracks is not None:
            self._tracks.write_message(message)

    def close(self) -> None:
        """Close all channels and remove those that this process writes."""
        written = [self._detections] if self._tracks is None else [self._detections, self._tracks]
        for channel in (self._images, self._vehicles, *written):
            channel.close()
        for channel in written:
            channel.unlink()


def main() -> int:
    """Run as a child of `lkas` and return the exit code."""
    child = Child.from_environment()
    use_one_thread()
    import cv2

    from lkas.integration.shared_memory.errors import SHMError

    cv2.setNumThreads(1)
    configuration = child.configuration({"camera": CameraConfig, "detection": DetectionParameters, "zmq": ZmqConfig})
    parameters: DetectionParameters = configuration["detection"]
    client = _parameter_client(parameters, configuration["zmq"]) if child.broadcast else None
    try:
        return _serve(child, parameters, configuration["camera"], client)
    except PluginError as error:  # another start would fail in the same way
        logger.error("%s", error, exc_info=error.origin)
        return EXIT_USAGE
    except PoseFileError as error:  # the same
        logger.error("%s", error)
        return EXIT_USAGE
    except (SHMError, OSError) as error:
        logger.error("%s", error)
        return EXIT_FAILED
    finally:
        if client is not None:
            client.close()


def _serve(
    child: Child, parameters: DetectionParameters, camera: CameraConfig, client: "ParameterClient | None"
) -> int:
    from lkas.integration.shared_memory import DetectionChannel, ImageChannel, TracksChannel, VehicleChannel
    from lkas.integration.shared_memory.ownership import open_if_free, retry_until_free

    clock = MonotonicClock()
    if parameters.calibration_file is not None:
        camera = with_saved_pose(camera, parameters.calibration_file)
    detections = retry_until_free(lambda: DetectionChannel(create=True), child.keeps_running)
    if detections is None:
        return 0
    tracks = open_if_free(TracksChannel)
    channels = DetectionChannels(ImageChannel(), VehicleChannel(), detections, tracks)
    scale = scale_of_lane(parameters.lane_width_m)
    server = DetectionServer(
        create_detector(parameters.method, parameters, camera),
        clock,
        scale,
        lane_width_m=parameters.lane_width_m,
        pitch_rad=camera.geometry().pitch_rad,
    )
    if client is not None:
        client.register_callback(server.update_parameter)
    logger.info("method %s, %s", parameters.method, server.state)
    run(child, server, channels, client, clock)
    if parameters.calibration_file is not None and server.calibration is not None:
        save_pose(parameters.calibration_file, server.calibration)
    if server.errors:
        logger.warning("frames in which the detector failed: %s", dict(server.errors))
    channels.close()
    return 0


def _parameter_client(parameters: DetectionParameters, zmq: ZmqConfig) -> "ParameterClient":
    from lkas.integration.zmq.client import ParameterClient

    table = declared("detection", DetectionParameters).values()
    active = tuple(p.name for p in table if is_read_by(p, parameters.method))
    return ParameterClient("detection", Ports(zmq.port_base, zmq.host), section=parameters, active=active)


if __name__ == "__main__":
    raise SystemExit(main())
