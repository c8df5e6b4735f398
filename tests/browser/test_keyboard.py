"""The keyboard in a real browser: every key press reaches the page or the focused element, and only one of them."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import wait_for_state
from tests.support.fake_broker import FakeBroker
from tests.support.stack import wait_until

pytestmark = pytest.mark.browser

# Dispatched without a screen refresh in between, as on a busy machine.
PRESS_SPACE = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', bubbles: true }))"


def wait_for_actions(broker: FakeBroker, *names: str) -> None:
    wait_until(lambda: broker.actions == [*names], f"the actions {names}, not {broker.actions}")


def focus_with_keyboard(page: Page, selector: str) -> None:
    page.keyboard.press("Shift")  # what has the focus now was reached by keyboard
    page.locator(selector).first.focus()
    assert page.evaluate("document.activeElement.matches(':focus-visible')")


def test_space_pauses_after_a_click_on_a_button(page, broker):
    wait_for_state(page, "live")
    page.get_by_role("button", name="Respawn").click()
    expect(page.locator(".toast").last).to_have_text("respawn: done")
    page.keyboard.press("Space")
    wait_for_state(page, "paused")
    page.locator("#help").click()
    expect(page.locator("#help-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    page.keyboard.press("Space")
    wait_for_state(page, "live")
    assert broker.actions == ["respawn", "pause", "resume"]


@pytest.mark.parametrize("selector", ["dialog a", "dialog button"])
def test_space_pauses_directly_after_a_dialog_was_closed(page, broker, selector):
    """The focus stays in a closed dialog until the browser draws the page again."""
    wait_for_state(page, "live")
    focus_is_hidden = page.evaluate(
        f"""selector => {{
            const dialog = document.querySelector("dialog");
            dialog.showModal();
            document.querySelector(selector).focus();
            dialog.close();
            const isHidden = !document.activeElement.checkVisibility();
            {PRESS_SPACE};
            return isHidden;
        }}""",
        selector,
    )
    assert focus_is_hidden
    wait_for_actions(broker, "pause")


def test_escape_and_space_in_quick_succession_pause_each_time(page, broker):
    wait_for_state(page, "live")
    for count in range(1, 21):
        page.keyboard.press("?")
        expect(page.locator("#help-dialog")).to_be_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("Space")
        wait_until(lambda count=count: len(broker.actions) == count, f"{count} actions, not {broker.actions}")
    assert broker.actions == ["pause", "resume"] * 10


def test_a_second_press_of_space_is_sent_after_the_first_is_answered(page, broker):
    wait_for_state(page, "live")
    page.evaluate(f"() => {{ {PRESS_SPACE}; {PRESS_SPACE}; }}")
    wait_for_actions(broker, "pause", "resume")
    page.evaluate(f"() => {{ {PRESS_SPACE}; {PRESS_SPACE}; {PRESS_SPACE}; }}")
    wait_for_actions(broker, "pause", "resume", "pause")


def test_a_pause_is_asked_for_again_after_a_refusal(page, broker):
    wait_for_state(page, "live")
    broker.answers = False
    page.keyboard.press("Space")
    expect(page.locator(".toast")).to_contain_text("no answer from the broker")
    broker.answers = True
    page.keyboard.press("Space")
    wait_for_state(page, "paused")
    assert broker.actions == ["pause"]


def test_space_pauses_after_a_click_on_any_control(page, broker):
    wait_for_state(page, "live")
    for state, selectors in (
        ("paused", ["#respawn"]),
        ("live", ["#tab-system"]),
        ("paused", ["#help", "dialog button"]),
        ("live", ["[data-layer=lines]"]),
        ("paused", ["#tab-tune", "#tune summary"]),
        ("live", ["#tune summary", "#tune input[type=range]"]),
    ):
        broker.actions.clear()
        for selector in selectors:
            page.locator(selector).first.click()
        if selectors == ["#respawn"]:
            wait_for_actions(broker, "respawn")
        page.keyboard.press("Space")
        wait_for_state(page, state)


@pytest.mark.parametrize("selector", ["#respawn", "[data-layer=lines]", "#tune summary", "#help"])
def test_space_presses_the_control_that_the_keyboard_has_reached(page, broker, selector):
    wait_for_state(page, "live")
    state = """() => [
        document.querySelector("#tune details").open,
        document.querySelector("[data-layer=lines]").ariaPressed,
        document.querySelector("dialog").open,
    ]"""
    before = page.evaluate(state)
    focus_with_keyboard(page, selector)
    page.keyboard.press("Space")
    if selector == "#respawn":
        wait_for_actions(broker, "respawn")
    else:
        wait_until(lambda: page.evaluate(state) != before, f"{selector} pressed")
        assert broker.actions == []


def test_a_text_entry_keeps_its_keys(page, broker):
    wait_for_state(page, "live")
    page.locator("#tune input[type=number]").first.click()
    for key in ("Space", "r", "h", "1", "?"):
        page.keyboard.press(key)
    page.locator("#tab-system").click()
    page.keyboard.press("r")
    wait_for_actions(broker, "respawn")
    expect(page.locator("#help-dialog")).to_be_hidden()
    assert page.locator("[data-layer=fill]").get_attribute("aria-pressed") == "true"
    assert page.locator("#freeze-plots").get_attribute("aria-pressed") == "false"


def test_no_shortcut_acts_behind_a_dialog(page, broker):
    wait_for_state(page, "live")
    page.keyboard.press("?")
    for key in ("r", "h", "1"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    page.keyboard.press("Space")
    wait_for_actions(broker, "pause")
    assert page.locator("[data-layer=fill]").get_attribute("aria-pressed") == "true"
    assert page.locator("#freeze-plots").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("key", ["Space", "Enter"])
def test_a_held_key_acts_once(page, broker, key):
    wait_for_state(page, "live")
    if key == "Enter":
        focus_with_keyboard(page, "#pause")
    for _ in range(4):  # without a release in between, the browser repeats the key
        page.keyboard.down(key)
    page.keyboard.up(key)
    wait_for_state(page, "paused")
    assert broker.actions == ["pause"]


def test_a_held_enter_opens_a_dialog_and_leaves_it_open(page):
    wait_for_state(page, "live")
    focus_with_keyboard(page, "#help")
    for _ in range(4):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    expect(page.locator("#help-dialog")).to_be_visible()
