"""The camera image and its overlay in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import freeze, wait_for_state
from tests.support.stack import wait_until

pytestmark = pytest.mark.browser

# Reads a copy: the page's own canvases are not made for reading.
PIXEL = """([id, u, v]) => {
    const canvas = document.getElementById(id);
    const scale = canvas.width / document.getElementById("video").width;
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, -Math.round(u * scale), -Math.round(v * scale));
    return [...copy.getImageData(0, 0, 1, 1).data];
}"""


def overlay_alpha(page: Page, u: float, v: float) -> int:
    """Opacity of the overlay at an image pixel, 0 to 255."""
    return page.evaluate(PIXEL, ["overlay", u, v])[3]


def wait_for_redraw(page: Page) -> None:
    """Wait for two screen refreshes."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def test_the_image_moves_and_every_panel_has_values(page):
    wait_for_state(page, "live")
    first = page.locator("#frame-id").inner_text()
    expect(page.locator("#frame-id")).not_to_have_text(first)
    pixels = "document.getElementById('video').toDataURL()"
    before = page.evaluate(pixels)
    wait_until(lambda: page.evaluate(pixels) != before, "a different image")
    expect(page.locator("#link-text")).to_have_text("live")
    expect(page.locator("#speed")).to_have_text("60")
    expect(page.locator("#mode")).to_have_text("lane keeping")
    expect(page.locator("#mode-reason")).to_have_text("both lines")
    expect(page.locator("#processes tbody tr")).to_have_count(4)
    expect(page.locator("#latency tbody tr")).to_have_count(3)
    expect(page.locator("#banner")).to_be_hidden()


def test_red_and_blue_are_not_swapped(page):
    """The sky at the top is blue, the grass at the side green."""
    wait_for_state(page, "live")
    red, green, blue, _ = page.evaluate(PIXEL, ["video", 400, 20])
    assert blue > green > red
    red, green, blue, _ = page.evaluate(PIXEL, ["video", 5, 280])
    assert green > red > blue


def test_the_overlay_lies_on_the_lines_of_its_own_frame(page, broker):
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
