"""The page on a real drive: embedded world, detection, decision, broker and viewer as real processes."""

import base64

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from lkas.integration.shared_memory import ImageChannel
from tests.browser.conftest import RATE_HZ, TIMEOUT_MS, record_texts, wait_for_text
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.browser

CANVAS = "id => document.getElementById(id).toDataURL('image/png')"
PAUSED_MS = 500


@pytest.fixture
def drive(stack: Stack) -> Stack:
    stack.start(
        "lkas",
        "demo",
        "--no-browser",
        "--port",
        str(stack.viewer_port),
        *("--set", "simulation.start_speed_mps=12", "--set", f"camera.rate_hz={RATE_HZ}"),
    )
    wait_until(lambda: stack.health().get("latency_ms", {}).get("pose_to_control"), f"a drive\n{stack.output()}")
    return stack


@pytest.fixture
def open_page(browser: Browser, drive: Stack):
    errors: list[str] = []
    contexts = []

    def opened() -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://localhost:{drive.viewer_port}/")
        expect(page.locator("#camera")).to_have_attribute("data-state", "live")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def canvas(page: Page, name: str) -> np.ndarray:
    """(H, W, 4) BGRA pixels of a canvas."""
    data = base64.b64decode(page.evaluate(CANVAS, name).partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def pause(page: Page, drive: Stack) -> str:
    """Pause and wait until the page shows the last frame; return its number."""
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#camera")).to_have_attribute("data-state", "paused")
    with ImageChannel(instance=drive.instance) as images:

        def last_shown() -> str | None:
            last = images.latest()
            return str(last.frame_id) if last and page.locator("#frame-id").inner_text() == str(last.frame_id) else None

        return wait_until(last_shown, "the last frame on the page")


def solid_line_errors(page: Page) -> np.ndarray:
    """Distance of the drawn right line from the centre of the right marking, in half marking widths, for some rows."""
    video = canvas(page, "video")
    height, width = video.shape[:2]
    drawn = cv2.resize(canvas(page, "overlay")[:, :, 3], (width, height), interpolation=cv2.INTER_AREA)
    brightness = video[:, :, :3].min(axis=2).astype(float)
    errors = []
    for row in range(int(0.62 * height), int(0.85 * height), 4):
        columns = np.flatnonzero(drawn[row] > 120)
        columns = columns[columns > width * 0.45]
        if columns.size == 0:
            continue
        line = float(columns.max() + columns[columns > columns.max() - 12].min()) / 2
        low, high = max(0, round(line) - 30), min(width, round(line) + 30)
        marking = np.flatnonzero(brightness[row, low:high] > brightness[row, low:high].max() - 40)
        if brightness[row, low:high].max() > 150:
            errors.append((line - (low + marking.mean())) / (marking.size / 2))
    return np.array(errors)


def test_a_drive_in_the_browser(drive, open_page):
    page = open_page()
    first = canvas(page, "video")
    expect(page.locator("#mode")).to_have_text("lane keeping")
    wait_until(lambda: (canvas(page, "video") != first).any(), "a different image")

    # The overlay lies on the markings of its own frame.
    page.get_by_role("button", name="Lane", exact=True).click()
    page.get_by_role("button", name="Centre", exact=True).click()
    frozen = pause(page, drive)
    expect(page.locator("#overlay")).to_have_attribute("data-join", "exact")
    errors = solid_line_errors(page)
    assert len(errors) > 15
    assert np.median(np.abs(errors)) < 1

    # The image stops with pause and continues with resume.
    page.wait_for_timeout(PAUSED_MS)
    assert page.locator("#frame-id").inner_text() == frozen
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#camera")).to_have_attribute("data-state", "live")
    expect(page.locator("#frame-id")).not_to_have_text(frozen)

    # A change on the page is acknowledged and reaches the process; a second page shows it.
    record_texts(page)
    row = page.locator("[data-parameter='decision.set_speed_mps']")
    row.locator(".entry").fill("9")
    row.locator(".entry").press("Enter")
    wait_for_text(page, "decision.set_speed_mps applied")

    def is_applied() -> bool:
        return drive.lkas("param", "get", "decision.set_speed_mps").stdout.strip() == "9.0"

    wait_until(is_applied, "the new value from `lkas param get`")
    second = open_page()
    expect(second.locator("[data-parameter='decision.set_speed_mps'] .entry")).to_have_value("9")


def test_a_parameter_changes_the_detection(stack, browser):
    """hough with very high thresholds finds no lane, which shows that the change reaches the detector."""
    stack.start(
        "lkas",
        "demo",
        "--no-browser",
        "--method",
        "hough",
        "--port",
        str(stack.viewer_port),
        "--set",
        f"camera.rate_hz={RATE_HZ}",
    )
    wait_until(lambda: stack.health().get("latency_ms", {}).get("pose_to_control"), f"a drive\n{stack.output()}")
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(f"http://localhost:{stack.viewer_port}/")
    expect(page.locator("#mode")).to_have_text("lane keeping")
    record_texts(page)
    for name, value in (("hough_threshold", "150"), ("hough_min_line_len", "150"), ("canny_low", "150")):
        row = page.locator(f"[data-parameter='detection.{name}']")
        row.locator(".entry").fill(value)
        row.locator(".entry").press("Enter")
        wait_for_text(page, f"detection.{name} applied")
    expect(page.locator("#mode")).not_to_have_text("lane keeping")
    page.close()
