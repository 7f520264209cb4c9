"""Take the picture of the page that README shows: `python -m tests.page.screenshot runs/report.html docs/page.png`.

Needs Chromium on the path and playwright. SECTION is the id of a table on the page, `table_s2-demo` unless given.
"""

import shutil
import sys
from pathlib import Path

from tests.page.conftest import CHROMIUM

SIZE = {"width": 1160, "height": 1560}
COLOURS = 96
"""Of the picture's palette, which keeps it small."""


def take(page, picture, section="table_s2-demo"):
    """A table from its heading on, with the interval and verdict of its first measured number."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    program = next(path for name in CHROMIUM if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        window = browser.new_page(viewport=SIZE, color_scheme="light")
        window.goto(Path(page).resolve().as_uri())
        window.evaluate("id => document.getElementById(id).scrollIntoView()", section)
        window.wait_for_timeout(300)
        window.locator(f"#{section}-all tr.run button.cell").first.hover()
        window.screenshot(path=picture)
        browser.close()
    with Image.open(picture) as taken:
        small = taken.convert("RGB").quantize(COLOURS)
    small.save(picture, optimize=True)


if __name__ == "__main__":
    take(*sys.argv[1:])
