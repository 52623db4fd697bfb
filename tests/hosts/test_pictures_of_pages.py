"""The pictures of pages in the documents, taken by a real browser of the pages as they are."""

from __future__ import annotations

import base64
import os
import shutil
import struct
from pathlib import Path

import pytest
from pictured import DRAW, LARGEST, PAGES, Pictured, record
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from test_html_in_a_browser import OPTIONS


@pytest.mark.needs("chromium", "chromedriver")
@pytest.mark.parametrize("one", PAGES, ids=lambda one: one.name)
def test_a_page_is_pictured_whole(one: Pictured, tmp_path: Path) -> None:
    """With WRITE_DOCS it is the picture of the documents. Fonts differ from machine to machine: what is compared with
    the page is its digest, in tests/unit/docs/test_pictures.py."""
    taken = picture(one, tmp_path)
    width, height = struct.unpack(">II", taken[16:24])
    assert width == one.width and 300 < height < 2000
    assert len(taken) <= LARGEST
    if os.environ.get("WRITE_DOCS"):
        one.file.write_bytes(taken)
        record(one)
    assert one.file.exists(), f"`{DRAW}` takes it"


def picture(one: Pictured, folder: Path) -> bytes:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver
    page = folder / "page.html"
    page.write_text(one.html(), encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, f"--user-data-dir={folder / 'chromium'}", "--hide-scrollbars"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    try:
        of_page = {"width": one.width, "height": 400, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", of_page)
        browser.get(page.as_uri())
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**of_page, "height": height})
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": False})
        return base64.b64decode(shot["data"])
    finally:
        browser.quit()
