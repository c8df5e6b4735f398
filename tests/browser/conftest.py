import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.viewer_process import ViewerProcess, running_viewer

# Nothing that would look for the outside world.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 120_000
RATE_HZ = 10.0  # of pictures: a machine with more to do than this keeps up
expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium of the system, or of the environment variable CHROMIUM.

    For this package only: while Playwright lives, its event loop runs in this thread, and no other may.
    """
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium found: install it or name it in the environment variable CHROMIUM")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS, timeout=2 * TIMEOUT_MS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[FakeBroker, ViewerProcess]]:
    with FakeBroker(Ports(free_port_base()), rate_hz=RATE_HZ) as fake, running_viewer(fake.ports) as process:
        yield fake, process


@pytest.fixture
def broker(running: tuple[FakeBroker, ViewerProcess]) -> FakeBroker:
    running[0].reset()
    return running[0]


@pytest.fixture
def viewer(running: tuple[FakeBroker, ViewerProcess]) -> ViewerProcess:
    return running[1]


@pytest.fixture
def open_page(browser: Browser, broker: FakeBroker, viewer: ViewerProcess) -> Iterator:
    """`open_page()` opens the viewer's page in a browser profile of its own; none may have complained at the end."""
    complaints: list[str] = []
    foreign: list[str] = []
    contexts = []

    def opened(**options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: foreign.append(request.url) if viewer.host not in request.url else None)
        page.goto(viewer.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in foreign if not url.startswith("blob:")] == []


@pytest.fixture
def page(open_page) -> Page:
    return open_page()
