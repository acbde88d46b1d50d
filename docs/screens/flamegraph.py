#!/usr/bin/env python3
"""Opens flame graphs of a running daemon in headless Chromium, searches and zooms as a person would, and takes pictures.

    pip install playwright; docs/screens/flamegraph.py http://127.0.0.1:8081 /usr/bin/chromium

Fails when searching or zooming does not work. Writes docs/screens/{flamegraph,flamegraph-zoom,heap}.png. To see more
than an idle daemon: run `yummy-tui load burst` meanwhile.
"""
import pathlib, sys
from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).parent
admin, chromium = sys.argv[1], sys.argv[2]

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1240, "height": 700})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    page.goto(f"{admin}/debug/flamegraph.svg?seconds=5&hz=499", timeout=60_000)
    titles = page.locator("#frames > g title").all_text_contents()
    widest = lambda part: next(title.split(" (")[0] for title in titles if part in title)
    predict = widest("yummy_models::")

    # Search: the prompt of Ctrl-F takes a regular expression; matches turn magenta and are summed up.
    page.on("dialog", lambda dialog: dialog.accept("^yummyd::decode"))
    page.keyboard.press("Control+f")
    matched = page.locator("#matched").text_content()
    assert matched.startswith("Matched: ") and matched != "Matched: 0%", matched
    magenta = page.locator('#frames rect[fill="rgb(230,0,230)"]').count()
    assert magenta > 0, "no frame is marked"
    page.screenshot(path=HERE / "flamegraph.png")

    # Zoom: a clicked frame takes the whole width, and there is a way back.
    newest = page.request.get(f"{admin}/debug/profiles").json()[-1]["id"]
    page.goto(f"{admin}/debug/flamegraph.svg?id={newest}")
    frame = page.locator("#frames > g", has=page.locator("title", has_text=predict)).first
    width = lambda: frame.locator("rect").bounding_box()["width"]
    before = width()
    frame.locator("rect").click()
    after = width()
    assert after > 1100 > before, f"{before} px became {after}"
    assert "hide" not in (page.locator("#unzoom").get_attribute("class") or ""), "no way back"
    page.screenshot(path=HERE / "flamegraph-zoom.png")
    page.locator("#unzoom").click()
    assert abs(width() - before) < 2, "the way back does not lead back"

    page.goto(f"{admin}/debug/flamegraph/heap.svg", timeout=60_000)
    page.screenshot(path=HERE / "heap.png")
    assert not errors, errors
    browser.close()
print(f"searched (^yummyd::decode: {matched}, {magenta} frames), zoomed into {predict}: {before:.0f} px to {after:.0f} px")
