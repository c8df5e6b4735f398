"""The blueprints of this server, as records of the wire protocol."""

from typing import Any

BOOL, INT, FLOAT, STRING, COLOUR = 1, 2, 3, 4, 5

CAR = "vehicle.tesla.model3"
CAMERA = "sensor.camera.rgb"


def _attribute(name: str, kind: int, value: str, *, is_modifiable: bool = True) -> list[Any]:
    return [name, kind, value, [], is_modifiable, False]


def _definition(number: int, name: str, attributes: list[list[Any]]) -> list[Any]:
    return [number, name, name.replace(".", ","), attributes]


DEFINITIONS = [
    _definition(
        1,
        CAR,
        [
            _attribute("role_name", STRING, "autopilot"),
            _attribute("color", COLOUR, "180,44,44"),
            _attribute("number_of_wheels", INT, "4", is_modifiable=False),
        ],
    ),
    _definition(
        2,
        CAMERA,
        [
            _attribute("image_size_x", INT, "800"),
            _attribute("image_size_y", INT, "600"),
            _attribute("fov", FLOAT, "90.0"),
            _attribute("sensor_tick", FLOAT, "0.0"),
            _attribute("enable_postprocess_effects", BOOL, "true"),
            _attribute("motion_blur_intensity", FLOAT, "0.45"),
            _attribute("lens_k", FLOAT, "-1.0"),
            _attribute("lens_kcube", FLOAT, "0.0"),
            _attribute("role_name", STRING, "front"),
        ],
    ),
]
NAMES = [definition[1] for definition in DEFINITIONS]
