"""What the command and its runs agree on; loads nothing heavy."""

from lkas.decision.parameters import DecisionParameters
from lkas.detection.parameters import DetectionParameters
from lkas.vehicle import CameraConfig, VehicleConfig

SECTIONS = {
    "camera": CameraConfig,
    "vehicle": VehicleConfig,
    "detection": DetectionParameters,
    "decision": DecisionParameters,
}
TRUTH = "truth"  # method: perfect perception
ZERO = "zero"  # controller: steers nothing; decision keeps the speed
