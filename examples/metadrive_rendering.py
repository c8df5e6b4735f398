"""MetaDrive 0.3.0.1 drawn without a GPU or an X server, by Panda3D's software renderer.

It has no shaders and reads RGB textures only, with sides that are powers of two. So MetaDrive's shading pipeline, its
shadows and its sky are replaced by plain ones; roads, marks and terrain are MetaDrive's own. Import this first.
"""

from types import SimpleNamespace

import cv2
import numpy as np
from panda3d.core import AmbientLight, DirectionalLight, LVector4, NodePath, Texture, loadPrcFileData

loadPrcFileData(
    "",
    "load-display p3tinydisplay\naux-display\ncompressed-textures 0\ntextures-power-2 down\nframebuffer-multisample 0\n"
    "multisamples 0\nsync-video 0\nnotify-level-tinydisplay fatal",
)

import metadrive.component.block.base_block as block_module  # noqa: E402
import metadrive.engine.core.light as light_module  # noqa: E402
import metadrive.engine.core.our_pbr as shading_module  # noqa: E402
import metadrive.engine.core.terrain as terrain_module  # noqa: E402
from direct.showbase.Loader import Loader  # noqa: E402
from metadrive.base_class.base_object import BaseObject  # noqa: E402
from metadrive.constants import CamMask  # noqa: E402
from metadrive.engine.core.sky_box import SkyBox  # noqa: E402

TEXTURE_PX = 512
SUPERSAMPLE = 2  # per axis: the renderer does not smooth edges
SUN, SKY, AIR = 1.0, 0.55, (0.75, 0.85, 0.95)
NEAR_M, FAR_M = 0.4, 1200.0


class Camera:
    """A camera on the car, of any size and placement."""

    def __init__(self, env, car, placement):
        """`car` is the node of its body, `placement` a CameraConfig."""
        self._engine, self._car, self._placement = env.engine, car, placement
        light = self._engine.world_light
        light.direction_np.node().setColor(LVector4(SUN, SUN, SUN, 1))
        light.direction_np.setHpr(-60, -50, 0)
        light.ambient_np.node().setColor(LVector4(SKY, SKY, SKY, 1))
        self._engine.render.clearShader()
        for block in env.current_map.blocks:
            block.lane_line_node_path.setLightOff(1)  # its flat boxes would be in their own shadow
        size_px = (SUPERSAMPLE * placement.width_px, SUPERSAMPLE * placement.height_px)
        buffer = self._engine.win.makeTextureBuffer("lkas", *size_px, to_ram=True)
        self._texture = buffer.getTexture()
        self._node = self._engine.makeCamera(buffer, clearColor=(*AIR, 1))
        self._node.node().setCameraMask(CamMask.MainCam)
        buffer.setClearColor((*AIR, 1))
        lens = self._node.node().getLens()
        lens.setAspectRatio(placement.width_px / placement.height_px)
        lens.setFov(placement.hfov_deg)
        lens.setNearFar(NEAR_M, FAR_M)
        self._node.reparentTo(car)
        for unused in (self._engine.win, self._engine.cam and self._engine.cam.node()):
            if unused:
                unused.setActive(False)

    def place(self):
        """Put the camera to its height above the ground, for the car as it stands now on its springs."""
        placement = self._placement
        body_m = self._car.getZ(self._engine.render)
        self._node.setPos(-placement.y_m, placement.x_m, placement.height_m - body_m)  # x right, y ahead, z up
        self._node.setHpr(placement.yaw_deg, -placement.pitch_deg, placement.roll_deg)

    def image(self):
        """Return what the camera sees now, (H, W, 3) uint8 RGB."""
        self._engine.graphicsEngine.renderFrame()
        data = np.frombuffer(self._texture.getRamImageAs("RGB"), np.uint8)
        large = data.reshape(self._texture.getYSize(), self._texture.getXSize(), 3)[::-1]
        size_px = (self._placement.width_px, self._placement.height_px)
        return cv2.resize(large, size_px, interpolation=cv2.INTER_AREA)


class _NoShading:
    """In place of the pipeline of shaders."""

    msaa_samples = 0

    def __init__(self, *arguments, **options):
        self.render_node = None

    def _recompile_pbr(self):
        pass


def _lights_without_shadows(self, config):
    BaseObject.__init__(self, random_seed=0)
    self.global_light = config["global_light"]
    self.direction_np, self.ambient_np = NodePath(DirectionalLight("sun")), NodePath(AmbientLight("sky"))
    for node in (self.direction_np, self.ambient_np):
        node.reparentTo(self.origin)
        self._node_path_list.append(node)


def _no_sky(self, pure_background=False):
    BaseObject.__init__(self, random_seed=0)


def _plain_texture(self, path, *arguments, **options):
    name = path.toOsSpecific() if hasattr(path, "toOsSpecific") else str(path)
    image = cv2.imread(name, cv2.IMREAD_COLOR)
    if image is None:
        return _load_texture(self, path, *arguments, **options)
    if name.endswith("floor.jpg"):  # MetaDrive reads it as linear light, all others as sRGB
        image = (255 * (image / 255.0) ** (1 / 2.2)).astype(np.uint8)
    image = cv2.resize(image, (TEXTURE_PX, TEXTURE_PX), interpolation=cv2.INTER_AREA)
    texture = Texture("plain")
    texture.setup2dTexture(TEXTURE_PX, TEXTURE_PX, Texture.T_unsigned_byte, Texture.F_rgb)
    texture.setRamImage(np.ascontiguousarray(image[::-1]).tobytes())
    return texture


_load_texture, Loader.loadTexture = Loader.loadTexture, _plain_texture
for _module in (block_module, terrain_module):
    _module.Texture = SimpleNamespace(F_srgb=Texture.F_rgb, WM_repeat=Texture.WM_repeat)
shading_module.OurPipeline = _NoShading
light_module.Light.__init__ = _lights_without_shadows
SkyBox.__init__ = _no_sky
