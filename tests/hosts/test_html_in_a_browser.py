"""The page of a check in a real browser: headless Chromium, driven by its own driver."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from page_samples import AT, HOSTILE, hostile, many_hosts, report, three_hosts
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from provision.core.report import Report
from provision.render.html import html_page

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900",
)  # fmt: skip

# Contrast as WCAG 2.2 defines it (relative luminance, 1.4.3), of an element's text and what lies behind it.
CONTRAST = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const luminance = (colour) => {
  const [r, g, b] = parts(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  const colour = getComputedStyle(element).backgroundColor;
  return (parts(colour)[3] ?? 1) === 0 && element.parentElement ? behind(element.parentElement) : colour;
};
return [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetParent).map((e) => {
  const [a, b] = [luminance(getComputedStyle(e).color), luminance(behind(e))].sort((x, y) => y - x);
  return [e.textContent, (a + 0.05) / (b + 0.05)];
});
"""


class Page:
    """What a reader of the page sees and does."""

    def __init__(self, browser: webdriver.Chrome, folder: Path) -> None:
        self.browser = browser
        self._file = folder / "check.html"

    def open(self, made: Report, *, drawn: bool = True) -> None:
        self._file.write_text(html_page(made, cluster="llm-prod", at=AT), encoding="utf-8")
        self.browser.get(self._file.as_uri())
        # On a busy machine a page of two hundred hosts is loaded well before it is drawn, and shows nothing meanwhile.
        if drawn:
            self.browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Of the elements that are displayed."""
        found = self.browser.find_elements(By.CSS_SELECTOR, selector)
        return [" ".join(element.text.split()) for element in found if element.is_displayed()]

    def hosts(self) -> list[str]:
        return self.texts(".matrix th.host button")

    def facts(self) -> list[str]:
        return self.texts(".matrix th.fact button")

    def head(self, name: str) -> WebElement:
        """The head of a host or of a fact."""
        heads = self.browser.find_elements(By.CSS_SELECTOR, ".matrix th:has(button)")
        return next(th for th in heads if th.find_element(By.TAG_NAME, "button").text == name)

    def press(self, name: str) -> None:
        self.head(name).find_element(By.TAG_NAME, "button").click()

    def order(self, name: str) -> str | None:
        return self.head(name).get_attribute("aria-sort")

    def show(self, view: str) -> None:
        self.find(f"fieldset label:has([value={view}])").click()

    def search(self, text: str) -> None:
        self.find("#search").clear()
        self.find("#search").send_keys(text)

    def details(self) -> str:
        """The text of the open dialog."""
        return " ".join(self.find("dialog[open]").text.split())

    def width(self, pixels: int) -> None:
        metrics = {"width": pixels, "height": 844, "deviceScaleFactor": 2, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def colours(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def asked(self) -> list[str]:
        """Every address that the page has asked for, its own among them."""
        said = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        asked = [s["params"] for s in said if s["method"] == "Network.requestWillBeSent"]
        return [a["request"]["url"] for a in asked if a["documentURL"] == self._file.as_uri()]

    def complaints(self) -> list[Any]:
        """Warnings and errors; that another element had the focus first is told as a mere information."""
        return [said for said in self.browser.get_log("browser") if said["level"] != "INFO"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    yield started
    started.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Page]:
    opened = Page(browser, tmp_path)
    yield opened
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    opened.colours("light")
    assert opened.complaints() == [], "the page complains on the console"


def test_the_page_opens_without_a_word_and_asks_the_network_for_nothing(page: Page) -> None:
    page.open(three_hosts())
    assert page.hosts() == ["gpu-01", "gpu-02", "gpu-03", "gpu-04"]
    assert [url.rsplit("/")[-1] for url in page.asked() if not url.startswith("data:")] == ["check.html"]


def test_only_the_facts_that_differ_are_shown_until_all_are_asked_for(page: Page) -> None:
    page.open(three_hosts())
    assert page.facts() == ["driver", "power limit", "torch", "MTU"]
    page.show("all")
    assert len(page.facts()) == 18
    page.show("differences")
    assert page.facts() == ["driver", "power limit", "torch", "MTU"]


def test_pressing_a_fact_sorts_the_hosts_by_it(page: Page) -> None:
    page.open(three_hosts())
    assert page.order("driver") is None
    page.press("driver")
    assert (page.hosts(), page.order("driver")) == (["gpu-03", "gpu-01", "gpu-02", "gpu-04"], "ascending")
    page.press("driver")
    assert (page.hosts()[-1], page.order("driver")) == ("gpu-03", "descending")
    page.press("torch")
    assert (page.order("driver"), page.order("torch")) == (None, "ascending")


def test_a_third_press_gives_back_the_order_of_the_inventory(page: Page) -> None:
    page.open(three_hosts())
    for _ in range(3):
        page.press("driver")
    assert (page.hosts(), page.order("driver")) == (["gpu-01", "gpu-02", "gpu-03", "gpu-04"], None)


def test_numbers_are_sorted_as_numbers(page: Page) -> None:
    page.open(three_hosts())
    page.press("power limit")
    assert page.hosts()[0] == "gpu-01"  # 500 W, and 700 W elsewhere
    page.press("MTU")
    assert page.hosts()[0] == "gpu-02"  # 1500, and 9000 elsewhere


def test_pressing_a_host_brings_up_what_is_wrong_there(page: Page) -> None:
    page.open(three_hosts())
    page.press("gpu-02")
    assert page.facts()[:2] == ["torch", "MTU"]
    assert page.order("gpu-02") == "ascending"


def test_sorting_needs_no_mouse_and_keeps_the_focus(page: Page) -> None:
    page.open(three_hosts())
    page.head("driver").find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert page.order("driver") == "ascending"
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.order("driver") == "descending"


@pytest.mark.parametrize("way", ["click", "enter"])
def test_a_marked_cell_shows_its_details(page: Page, way: str) -> None:
    page.open(three_hosts())
    cell = page.find(".matrix td.blocks a")
    cell.click() if way == "click" else cell.send_keys(Keys.ENTER)
    shown = page.details()
    assert shown.startswith("gpu-03 · driver close ✕blocks")
    assert "found 535.161.08 expected >=580 against what can work at all" in shown
    assert "why vllm 0.33.0 needs CUDA 13" in shown
    assert "hint install driver 580 on gpu-03" in shown
    assert "evidence nvidia-smi: Driver Version: 535.161.08" in shown
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert page.texts("dialog[open]") == []
    assert page.browser.switch_to.active_element == cell


def test_a_host_shows_all_that_was_found_on_it(page: Page) -> None:
    page.open(three_hosts())
    page.head("gpu-01").find_element(By.TAG_NAME, "a").click()
    assert "port 8000 is taken by nginx (pid 4021)" in page.details()
    assert "found 500 W expected 700 W" in page.details()


def test_a_host_that_was_not_reached_is_marked_and_says_why(page: Page) -> None:
    page.open(three_hosts())
    head = page.head("gpu-04")
    assert head.text.endswith("unreachable")
    head.find_element(By.TAG_NAME, "a").click()
    assert "no answer from 10.0.0.14:22 within 10 s" in page.details()


def test_a_finding_unfolds(page: Page) -> None:
    page.open(three_hosts())
    page.find(".entry.drift summary").click()
    assert "ranks that compute with different versions may disagree" in page.find(".entry.drift").text


def test_a_finding_that_is_folded_has_a_sign_that_there_is_more_and_errors_are_no_findings(page: Page) -> None:
    page.open(three_hosts())
    sign = "return getComputedStyle(document.querySelector(arguments[0]), '::before').content"
    folded = page.browser.execute_script(sign, ".entry.drift summary")
    page.find(".entry.drift summary").click()
    assert {folded, page.browser.execute_script(sign, ".entry.drift summary")} == {'"▸"', '"▾"'}
    assert page.texts("#shown")[0].startswith("5 of 5 findings · ")


@pytest.mark.parametrize(
    ("text", "facts", "hosts"),
    [
        ("torch", ["torch"], 4),
        ("glibc", ["glibc"], 4),  # the same everywhere, and yet what was searched for
        ("gpu-02", ["driver", "power limit", "torch", "MTU"], 1),
        ("535.161", ["driver"], 1),
    ],
)
def test_search_narrows_to_facts_hosts_or_values(page: Page, text: str, facts: list[str], hosts: int) -> None:
    page.open(three_hosts())
    page.search(text)
    assert (page.facts(), len(page.hosts())) == (facts, hosts)


def test_a_search_for_what_is_not_there_says_so(page: Page) -> None:
    page.open(three_hosts())
    page.search("no such thing")
    assert page.texts("#nothing") == ["nothing here holds this text"]
    assert page.texts(".entry") == []


def test_an_area_can_be_looked_at_alone(page: Page) -> None:
    page.open(three_hosts())
    page.show("all")
    page.find("#area option:nth-child(3)").click()
    assert page.facts() == ["GPUs", "GPU model", "GPU memory", "power limit", "PCIe width"]
    assert page.texts(".entry .what") == [
        "no answer from 10.0.0.14:22 within 10 s",
        "power limit 500 W instead of 700 W",
    ]


def test_rows_and_columns_can_be_swapped(page: Page) -> None:
    page.open(three_hosts())
    page.find("#turn").click()
    assert {th.get_attribute("scope") for th in page.browser.find_elements(By.CSS_SELECTOR, "th.host")} == {"row"}
    assert page.texts(".matrix tbody tr:nth-child(3) td") == ["535.161.08 ✕blocks", "700 W", "2.14.0", "9000"]


def test_of_two_hundred_hosts_those_that_differ_are_shown_below_each_other(page: Page) -> None:
    page.open(many_hosts())
    assert page.facts() == ["driver", "torch", "MTU"]
    assert page.texts("#shown") == ["3 of 3 findings · 3 of 60 facts · 24 of 200 hosts"]
    page.show("all")
    assert page.texts("#shown") == ["3 of 3 findings · 60 of 60 facts · 200 of 200 hosts"]


def test_hosts_that_are_the_same_in_all_that_is_shown_share_a_row_that_names_them(page: Page) -> None:
    page.open(many_hosts())
    page.press("worst first")
    assert page.texts(".matrix tbody tr:first-child td") == ["535.161.08 ✕blocks", "2.14.0", "9000"]
    assert page.texts(".matrix td.blocks") == ["535.161.08 ✕blocks"] * 2, "a row for each of twelve hosts"
    assert page.texts(".matrix tbody tr:nth-child(-n+2) th") == [
        "gpu-006 ✕1 blocks and 10 more",
        "gpu-193 ✕1 blocks, 1 warning",
    ]
    page.find(".matrix tbody tr:first-child th a:last-child").send_keys(Keys.ENTER)
    assert page.details() == "hosts close " + ", ".join(f"gpu-{number:03}" for number in range(6, 190, 17))
    page.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    page.search("torch")
    assert page.texts("#shown") == ["1 of 3 findings · 1 of 60 facts · 200 of 200 hosts"]
    assert len(page.hosts()) < 9, "what is not shown sets them apart"
    page.search("gpu-040")
    assert page.texts(".matrix tbody th") == ["gpu-040 ✕1 blocks"]


def test_what_a_host_printed_is_text_and_is_not_run(page: Page) -> None:
    page.open(hostile())
    page.find(".matrix td.drift a").click()
    assert page.details().count(HOSTILE.partition("\x00")[0]) >= 5
    assert page.browser.execute_script("return document.scripts.length") == 1


@pytest.mark.parametrize(
    "made", [three_hosts(), many_hosts(), hostile(), report()], ids=["3", "200", "hostile", "sound"]
)
def test_on_a_phone_the_table_scrolls_and_the_page_does_not(page: Page, made: Report) -> None:
    page.width(390)
    page.open(made)
    page.show("all")
    page_width, width = page.browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert page_width <= width == 390
    box = "const box = document.querySelector('.box'); box.scrollLeft = 200; return box.scrollLeft"
    assert page.browser.execute_script(box) > 0
    first = page.find(".matrix tbody tr:nth-child(2) th[scope=row]")
    assert 0 <= first.rect["x"] <= 30  # it stays where it is while the rest scrolls


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marked_cells_can_be_read_in_either_light(page: Page, scheme: str) -> None:
    page.colours(scheme)
    page.open(three_hosts())
    for selector, at_least in ((".matrix td a b, .matrix td a small", 8), (".badge", 6), (".tally li, .verdict", 6)):
        measured = page.browser.execute_script(CONTRAST, selector)
        assert len(measured) >= at_least
        assert [m for m in measured if m[1] < 4.5] == []


def test_the_page_is_dark_where_the_reader_wants_it_dark(page: Page) -> None:
    seen = []
    for scheme in ("light", "dark"):
        page.colours(scheme)
        page.open(three_hosts())
        seen.append(page.find("body").value_of_css_property("background-color"))
    assert seen == ["rgba(255, 255, 255, 1)", "rgba(20, 23, 27, 1)"]


def test_without_a_script_the_page_still_says_everything(page: Page) -> None:
    page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open(three_hosts(), drawn=False)  # whether it is, only a script could tell
        assert len(page.texts(".matrix th.fact")) == 18
        assert page.texts(".tools") == []
        page.find(".matrix td.drift a").click()
        assert "ranks that compute with different versions" in page.find(".entry.drift").text
    finally:
        page.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
