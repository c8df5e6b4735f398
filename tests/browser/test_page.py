"""The page in a real browser, against a broker under the test's hand."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.zmq.ports import Ports, free_port_base
from tests.browser.conftest import RATE_HZ, TIMEOUT_MS, wait_for_state, wait_until_shown, watch
from tests.support.fake_broker import FakeBroker
from tests.support.stack import free_port, wait_until
from tests.support.viewer_process import running_viewer

pytestmark = pytest.mark.browser

# Read through a copy: the page's own canvases are not made for reading.
PIXEL = """([id, u, v]) => {
    const canvas = document.getElementById(id);
    const scale = canvas.width / document.getElementById("video").width;
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, -Math.round(u * scale), -Math.round(v * scale));
    return [...copy.getImageData(0, 0, 1, 1).data];
}"""


def overlay_alpha(page: Page, u: float, v: float) -> int:
    """Opacity of the overlay at a pixel of the picture, 0 to 255."""
    return page.evaluate(PIXEL, ["overlay", u, v])[3]


def freeze(page: Page, broker: FakeBroker) -> None:
    """Stop the frames, and wait until the last one is on the canvas with its own detection."""
    wait_for_state(page, "live")
    expect(page.locator("#frame-id")).to_have_text(str(broker.stop_frames()))
    expect(page.locator("#overlay")).to_have_attribute("data-join", "exact")


def wait_for_redraw(page: Page) -> None:
    """Until two screen refreshes are over."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def test_the_picture_moves_and_the_figures_are_there(page):
    wait_for_state(page, "live")
    first = page.locator("#frame-id").inner_text()
    expect(page.locator("#frame-id")).not_to_have_text(first)
    pixels = "document.getElementById('video').toDataURL()"
    before = page.evaluate(pixels)
    wait_until(lambda: page.evaluate(pixels) != before, "another picture on the page")
    expect(page.locator("#link-text")).to_have_text("live")
    expect(page.locator("#speed")).to_have_text("60")
    expect(page.locator("#mode")).to_have_text("lane keeping")
    expect(page.locator("#mode-reason")).to_have_text("both lines")
    expect(page.locator("#processes tbody tr")).to_have_count(4)
    expect(page.locator("#latency tbody tr")).to_have_count(3)
    expect(page.locator("#banner")).to_be_hidden()


def test_colours_arrive_as_they_were(page):
    """Sky above, grass at the side: red and blue are not swapped."""
    wait_for_state(page, "live")
    red, green, blue, _ = page.evaluate(PIXEL, ["video", 400, 20])
    assert blue > green > red
    red, green, blue, _ = page.evaluate(PIXEL, ["video", 5, 280])
    assert green > red > blue


def test_the_overlay_lies_on_the_lines_of_its_own_picture(page, broker):
    broker.jumpy = True
    freeze(page, broker)
    for line in broker.lines_px:
        points = np.array([point for point in line if 320 < point[1] < 580 and 20 < point[0] < 780])
        assert len(points) >= 5
        for u, v in points:
            assert overlay_alpha(page, u, v) > 120
    sky = [(u, v) for u in range(50, 800, 150) for v in (20, 120, 220)]
    assert {overlay_alpha(page, u, v) for u, v in sky} == {0}


def test_layers_are_switched_by_button_and_key(page, broker):
    freeze(page, broker)
    left, right = broker.lines_px
    (u, v) = next(point for point in left if 350 < point[1] < 560 and point[0] > 20)
    middle = (u + np.interp(v, [p[1] for p in right][::-1], [p[0] for p in right][::-1])) / 2 + 15
    assert overlay_alpha(page, middle, v) > 20
    page.get_by_role("button", name="Lane", exact=True).click()
    wait_for_redraw(page)
    assert overlay_alpha(page, middle, v) == 0
    assert overlay_alpha(page, u, v) > 120
    page.keyboard.press("2")
    wait_for_redraw(page)
    assert overlay_alpha(page, u, v) == 0
    page.reload()  # the choice is kept
    expect(page.get_by_role("button", name="Lane", exact=True)).to_have_attribute("aria-pressed", "false")


def test_a_slider_reaches_the_broker_and_the_answer_is_shown(page, broker):
    row = page.locator("[data-parameter='detection.canny_low']")
    expect(row).to_be_visible()
    watch(page)
    slider = row.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_until_shown(page, "detection.canny_low applied: stored: 51")  # the running method is not hough
    assert broker.values["detection", "canny_low"] == 51.0
    expect(row).to_have_class("param inactive")
    row.get_by_role("button", name="reset canny_low to 50").click()
    expect(row.locator(".entry")).to_have_value("50")
    assert broker.values["detection", "canny_low"] == 50.0


def test_a_refused_value_shows_why_and_goes_back(page, broker):
    row = page.locator("[data-parameter='detection.canny_low']")
    row.locator(".entry").fill("9000")
    row.locator(".entry").press("Enter")
    expect(row).to_have_attribute("data-state", "refused")
    expect(row.locator(".note")).to_contain_text("from 1 to 150")
    expect(row.locator(".entry")).to_have_value("50")
    assert broker.values["detection", "canny_low"] == 50.0


def test_pause_and_resume_by_button_and_key(page, broker):
    wait_for_state(page, "live")
    watch(page)
    page.get_by_role("button", name="Pause").click()
    wait_for_state(page, "paused")
    expect(page.locator("#banner-title")).to_have_text("Paused")
    wait_until_shown(page, "pause: done")
    page.locator("body").click(position={"x": 300, "y": 5})
    page.keyboard.press("Space")
    wait_for_state(page, "live")
    page.keyboard.press("r")
    wait_until_shown(page, "respawn: done")
    assert broker.actions == ["pause", "resume", "respawn"]
    page.get_by_role("tab", name="Events").click()
    expect(page.locator("#event-list .what").first).to_have_text("respawn by a viewer")


def test_two_pages_show_the_same_and_see_each_others_changes(open_page):
    one, two = open_page(), open_page()
    wait_for_state(one, "live")
    wait_for_state(two, "live")
    entry = "[data-parameter='detection.canny_high'] .entry"
    one.locator(entry).fill("170")
    one.locator(entry).press("Enter")
    expect(two.locator(entry)).to_have_value("170")


def test_a_stopped_camera_is_said_and_the_picture_greyed(page, broker):
    wait_for_state(page, "live")
    broker.frames_on = False
    wait_for_state(page, "stale")
    expect(page.locator("#banner-title")).to_have_text("Stale picture")
    expect(page.locator("#banner-text")).to_contain_text("last frame")
    assert "grayscale" in page.evaluate("getComputedStyle(document.getElementById('video')).filter")
    broker.frames_on = True
    wait_for_state(page, "live")
    expect(page.locator("#banner")).to_be_hidden()


def test_a_broker_without_a_camera_says_what_to_start(page, broker, open_page):
    freeze(page, broker)  # no frame is under way any more
    other = open_page()
    expect(other.locator("#banner-title")).to_have_text("Waiting for camera_feed")
    expect(other.locator("#banner-command")).to_have_text(
        f"simulation --broadcast --set zmq.port_base={broker.ports.base}"
    )
    assert other.locator("#picture").get_attribute("data-state") == "empty"


def test_a_degraded_mode_is_worded_with_its_reason(page, broker):
    broker.mode = ControlMode.DEGRADED
    expect(page.locator("#mode")).to_have_text("degraded")
    expect(page.locator("#mode")).to_have_attribute("data-level", "bad")
    expect(page.locator("#mode-reason")).to_have_text("left line lost for 0.4 s")


def test_a_silent_broker_is_said_and_its_return_seen(browser):
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(viewer.url)
        expect(page.locator("#banner-title")).to_have_text("Waiting for broker")
        expect(page.locator("#banner-command")).to_contain_text("lkas")
        watch(page)
        page.get_by_role("button", name="Respawn").click()
        wait_until_shown(page, "respawn: not connected to the broker")
        with FakeBroker(ports, rate_hz=RATE_HZ):
            wait_for_state(page, "live")
        expect(page.locator("#banner-title")).to_have_text("Waiting for broker")
        wait_for_state(page, "stale")
        page.close()


def test_an_ended_viewer_is_said_and_the_picture_greyed(browser, broker):
    port = ("--port", str(free_port()))  # the last --port counts
    with running_viewer(broker.ports, *port) as viewer:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(viewer.url)
        wait_for_state(page, "live")
    expect(page.locator("#banner-title")).to_have_text("Viewer disconnected")
    wait_for_state(page, "stale")
    with running_viewer(broker.ports, *port):
        wait_for_state(page, "live")
    page.close()


def test_it_fits_a_phone(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    wait_for_state(page, "live")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Pause", "Respawn"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box
        assert box["height"] >= 40
