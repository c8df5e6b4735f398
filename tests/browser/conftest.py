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
# What the page shows for a moment only, answers to changes and notices, is written down as it comes.
WATCH = """() => {
    window.shown = [];
    const take = (records) => {
        for (const { target } of records) {
            const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
            const row = element?.closest("[data-parameter]");
            const note = row?.querySelector(".note")?.textContent;
            if (row) window.shown.push(`${row.dataset.parameter} ${row.dataset.state}: ${note}`);
        }
        for (const toast of document.querySelectorAll(".toast")) window.shown.push(toast.textContent);
    };
    for (const id of ["parameters", "toasts"]) {
        const element = document.getElementById(id);
        new MutationObserver(take).observe(element, { subtree: true, childList: true, attributes: true });
    }
}"""
TIMEOUT_MS = 120_000
RATE_HZ = 10.0  # of pictures: a machine with more to do than this keeps up
expect.set_options(timeout=TIMEOUT_MS)


def watch(page: Page) -> None:
    """From now on write down what `wait_until_shown` looks for."""
    page.evaluate(WATCH)


def wait_until_shown(page: Page, text: str) -> None:
    """A notice that is this text, or a parameter's row, "category.name state: note", that begins with it."""
    page.wait_for_function("text => window.shown.some((shown) => shown.startsWith(text))", arg=text)


def wait_for_state(page: Page, state: str) -> None:
    """Wait until the camera image is `live`, `paused`, `stale` or `empty`."""
    expect(page.locator("#picture")).to_have_attribute("data-state", state)


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
