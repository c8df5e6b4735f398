"""Status and banner of the page when a process is missing or ends."""

import pytest
from playwright.sync_api import expect

from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.zmq.ports import Ports, free_port_base
from tests.browser.conftest import RATE_HZ, TIMEOUT_MS, freeze, record_texts, wait_for_state, wait_for_text
from tests.support.fake_broker import FakeBroker
from tests.support.stack import free_port
from tests.support.viewer_process import running_viewer

pytestmark = pytest.mark.browser


def test_the_image_is_grey_while_the_camera_is_stopped(page, broker):
    wait_for_state(page, "live")
    broker.frames_on = False
    wait_for_state(page, "stale")
    expect(page.locator("#banner-title")).to_have_text("Stale image")
    expect(page.locator("#banner-text")).to_contain_text("last image")
    assert "grayscale" in page.evaluate("getComputedStyle(document.getElementById('video')).filter")
    broker.frames_on = True
    wait_for_state(page, "live")
    expect(page.locator("#banner")).to_be_hidden()


def test_the_banner_names_the_command_that_starts_a_camera(page, broker, open_page):
    freeze(page, broker)
    other = open_page()
    expect(other.locator("#banner-title")).to_have_text("Waiting for camera_feed")
    expect(other.locator("#banner-command")).to_have_text(
        f"simulation --broadcast --set zmq.port_base={broker.ports.base}"
    )
    assert other.locator("#camera").get_attribute("data-state") == "empty"


def test_a_degraded_mode_is_shown_with_its_reason(page, broker):
    broker.mode = ControlMode.DEGRADED
    expect(page.locator("#mode")).to_have_text("degraded")
    expect(page.locator("#mode")).to_have_attribute("data-level", "bad")
    expect(page.locator("#mode-reason")).to_have_text("left line lost for 0.4 s")


def test_the_page_waits_for_a_missing_broker_and_finds_it(browser):
    ports = Ports(free_port_base())
    with running_viewer(ports) as viewer:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(viewer.url)
        expect(page.locator("#banner-title")).to_have_text("Waiting for broker")
        expect(page.locator("#banner-command")).to_contain_text("lkas")
        record_texts(page)
        page.get_by_role("button", name="Respawn").click()
        wait_for_text(page, "respawn: not connected to the broker")
        with FakeBroker(ports, rate_hz=RATE_HZ):
            wait_for_state(page, "live")
        expect(page.locator("#banner-title")).to_have_text("Waiting for broker")
        wait_for_state(page, "stale")
        page.close()


def test_the_page_waits_for_an_ended_viewer_and_finds_it_again(browser, broker):
    port = ("--port", str(free_port()))  # the last --port is used
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
