import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.fake_broker import FakeBroker
from tests.support.viewer_process import ViewerProcess, running_viewer

# No connection to the Internet.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Records what the page shows only briefly: notices and the answers to changes.
RECORD_TEXTS = """() => {
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
RATE_HZ = 10.0  # of frames: a busy machine keeps up
expect.set_options(timeout=TIMEOUT_MS)


def record_texts(page: Page) -> None:
    """Start to record the texts that `wait_for_text` looks for."""
    page.evaluate(RECORD_TEXTS)


def wait_for_text(page: Page, text: str) -> None:
    """Wait for a notice or a parameter's row ("category.name state: note") that starts with this text."""
    page.wait_for_function("text => window.shown.some((shown) => shown.startsWith(text))", arg=text)


def wait_for_state(page: Page, state: str) -> None:
    """Wait until the camera image is `live`, `paused`, `stale` or `empty`."""
    expect(page.locator("#camera")).to_have_attribute("data-state", state)


def freeze(page: Page, broker: FakeBroker) -> None:
    """Stop the frames and wait until the last one is shown with its own detection."""
    wait_for_state(page, "live")
    expect(page.locator("#frame-id")).to_have_text(str(broker.stop_frames()))
    expect(page.locator("#overlay")).to_have_attribute("data-join", "exact")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium of the system, or of the environment variable CHROMIUM.

    For this package only: while Playwright runs, its event loop occupies this thread.
    """
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium was not found: install it or set the environment variable CHROMIUM")
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
    """`open_page()` opens the page in a new browser profile. At the end no page may have logged an error."""
    errors: list[str] = []
    foreign: list[str] = []
    contexts = []

    def opened(**options) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: foreign.append(request.url) if viewer.host not in request.url else None)
        page.goto(viewer.url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in foreign if not url.startswith("blob:")] == []


@pytest.fixture
def page(open_page) -> Page:
    return open_page()
