"""Makes the images of the README from a real drive in a real browser: `docs/page.jpg` and `docs/drive.gif`.

make screenshot
"""

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

from lkas.integration.zmq.ports import free_port_base
from tests.support.stack import free_port

ROOT = Path(__file__).parents[1]
SCREENSHOT = ROOT / "docs" / "page.jpg"
ANIMATION = ROOT / "docs" / "drive.gif"
DRIVE_S = 75  # until the plots are full and the car has reached its first bend
ANIMATION_S, FRAME_PERIOD_MS, WIDTH_PX, COLOURS = 6, 200, 400, 48
MAX_BYTES = 2_000_000
SERVER_ATTEMPTS, SERVER_PERIOD_MS = 100, 200
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
# Copies camera image and overlay at a fixed period inside the page: screenshots would be too slow.
RECORD = """([width, periodMs, count]) => new Promise((done) => {
    const video = document.getElementById("video");
    const copy = document.createElement("canvas");
    copy.width = width;
    copy.height = Math.round((width * video.height) / video.width);
    const frames = [];
    const timer = setInterval(() => {
        for (const id of ["video", "overlay"])
            copy.getContext("2d").drawImage(document.getElementById(id), 0, 0, copy.width, copy.height);
        frames.push(copy.toDataURL("image/png"));
        if (frames.length === count) {
            clearInterval(timer);
            done(frames);
        }
    }, periodMs);
})"""


def main() -> None:
    """Drive, then write both images."""
    port = free_port()
    with running_demo(port), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"), args=BROWSER_ARGUMENTS
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
        open_page(page, f"http://localhost:{port}/")
        page.wait_for_timeout(DRIVE_S * 1000)
        page.screenshot(path=SCREENSHOT, type="jpeg", quality=85)
        write_animation(page)
        browser.close()
    for path in (SCREENSHOT, ANIMATION):
        print(f"wrote {path.relative_to(ROOT)}, {path.stat().st_size / 1e6:.2f} MB")


@contextlib.contextmanager
def running_demo(port: int) -> Iterator[None]:
    """Run `lkas demo` with its page at this port; terminate it at the end of the `with` block."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "lkas", "demo", "--no-browser", "--port", str(port), "--instance", f"shot{os.getpid()}",
         "--set", f"zmq.port_base={free_port_base()}"],
        cwd=ROOT,
    )  # fmt: skip
    try:
        yield
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(15)


def open_page(page: Page, url: str) -> None:
    """Open the page, as soon as the server is ready."""
    for _ in range(SERVER_ATTEMPTS):
        try:
            page.goto(url)
            return
        except Error:
            page.wait_for_timeout(SERVER_PERIOD_MS)
    raise SystemExit(f"{url} does not answer")


def write_animation(page: Page) -> None:
    """Record the camera with its overlay for some seconds and write an animated GIF with one palette."""
    count = ANIMATION_S * 1000 // FRAME_PERIOD_MS
    urls = page.evaluate(RECORD, [WIDTH_PX, FRAME_PERIOD_MS, count])
    frames = [Image.open(BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB") for url in urls]
    palette = joined(frames[:: count // 4]).quantize(COLOURS)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    indexed[0].save(ANIMATION, save_all=True, append_images=indexed[1:], duration=FRAME_PERIOD_MS, loop=0)
    if ANIMATION.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{ANIMATION} has {ANIMATION.stat().st_size} bytes, the limit is {MAX_BYTES}")


def joined(frames: list[Image.Image]) -> Image.Image:
    """One image with these frames below each other, whose palette suits all of them."""
    width, height = frames[0].size
    sheet = Image.new("RGB", (width, height * len(frames)))
    for i, frame in enumerate(frames):
        sheet.paste(frame, (0, i * height))
    return sheet


if __name__ == "__main__":
    main()
