"""Actions and layout of the page in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import record_texts, wait_for_state, wait_for_text

pytestmark = pytest.mark.browser


def test_pause_and_resume_by_button_and_key(page, broker):
    wait_for_state(page, "live")
    record_texts(page)
    page.get_by_role("button", name="Pause").click()
    wait_for_state(page, "paused")
    expect(page.locator("#banner-title")).to_have_text("Paused")
    wait_for_text(page, "pause: done")
    page.locator("body").click(position={"x": 300, "y": 5})
    page.keyboard.press("Space")
    wait_for_state(page, "live")
    page.keyboard.press("r")
    wait_for_text(page, "respawn: done")
    assert broker.actions == ["pause", "resume", "respawn"]
    page.get_by_role("tab", name="Events").click()
    expect(page.locator("#event-list .what").first).to_have_text("respawn by a viewer")


def test_the_page_fits_a_phone(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True)
    wait_for_state(page, "live")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("Pause", "Respawn"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box
        assert box["height"] >= 40
