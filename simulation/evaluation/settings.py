"""Names and configuration sections shared by the command and its runs; imports nothing heavy."""

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
ZERO = "zero"  # controller: no steering; decision still controls the speed
