"""Takes the picture of the page that the README shows: a real drive in a real browser.

make screenshot
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from lkas.integration.zmq.ports import free_port_base
from tests.support.stack import free_port

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "page.jpg"
DRIVE_S = 75  # until the plots have something to show and the car is in its first bend
BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    port = free_port()
    demo = subprocess.Popen(
        [sys.executable, "-m", "lkas", "demo", "--no-browser", "--port", str(port), "--instance", f"shot{os.getpid()}",
         "--set", f"zmq.port_base={free_port_base()}"],
        cwd=ROOT,
    )  # fmt: skip
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or os.environ["CHROMIUM"], args=BROWSER_ARGUMENTS
            )
            page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
            for _ in range(100):
                try:
                    page.goto(f"http://localhost:{port}/")
                    break
                except Exception:  # the server is still starting
                    page.wait_for_timeout(200)
            page.wait_for_timeout(DRIVE_S * 1000)
            PICTURE.parent.mkdir(exist_ok=True)
            page.screenshot(path=PICTURE, type="jpeg", quality=85)
            browser.close()
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(15)
    print(f"wrote {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
