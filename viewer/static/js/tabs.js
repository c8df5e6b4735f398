// The tabs of the side panel, as the ARIA pattern describes them: the arrow keys select, one tab is in the tab order.

import { byId } from "./dom.js";
import { loadSetting, saveSetting } from "./settings.js";

/** @param {(tabId: string) => void} onSelect */
export function startTabs(onSelect) {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const select = (/** @type {HTMLElement} */ selected) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === selected));
      tab.tabIndex = tab === selected ? 0 : -1;
      byId(/** @type {string} */ (tab.getAttribute("aria-controls"))).classList.toggle("selected", tab === selected);
    }
    onSelect(selected.id);
    saveSetting("tab", selected.id);
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!move) return;
      const next = tabs[(i + move + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  });
  select(tabs.find((tab) => tab.id === loadSetting("tab", "tab-tune")) ?? tabs[0]);
}
