#!/usr/bin/env python3
"""The status page in a headless Chromium, on the real server under load.

    tests/e2e/status_page_test.py [--screenshots DIR]

Light and dark, wide and at the width of a phone: what it shows, that it fits, that text can be read, that it loads nothing
from elsewhere, and that names are never markup. Exit status 77 (skipped) without Chromium (Debian's package chromium).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))
from browser import Browser, chromium  # noqa: E402
from live_server import BIN, LiveServer  # noqa: E402

WIDE, PHONE = (1100, 1250), (375, 1900)
MARKUP = "<img src=x onerror=document.title='broken'>&amp;\"'</script>"
SHOWN = "document.querySelectorAll('#tenants tbody tr').length > 0"

# The least contrast of any text with what is behind it, by WCAG's formula; cards are opaque.
CONTRAST = """(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
        .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let least = [99, ''];
  for (const element of document.querySelectorAll('main *')) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const card = element.closest('section, header');
    if (!text || !card || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const [high, low] = [luminance(color), luminance(getComputedStyle(card).backgroundColor)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < least[0]) least = [contrast, `${element.tagName} ${element.textContent.slice(0, 30)}`];
  }
  return least;
})()"""


class StatusPageTest:
    def __init__(self, browser: Browser, server: LiveServer, screenshots: Path | None) -> None:
        self.browser, self.server, self.screenshots = browser, server, screenshots
        self.url = f"http://{server.http}/"
        self.failed = 0

    def check(self, ok: bool, what: str) -> None:
        print(f"{'ok    ' if ok else 'FAILED'} {what}", flush=True)
        self.failed += not ok

    def picture(self, name: str) -> None:
        if self.screenshots is not None:
            self.browser.screenshot(self.screenshots / f"{name}.png")

    def status(self) -> Any:
        with urllib.request.urlopen(f"{self.url}status.json", timeout=10) as reply:
            return json.load(reply)

    def looks_right(self) -> None:
        for scheme in ("light", "dark"):
            for name, (width, height) in (("wide", WIDE), ("phone", PHONE)):
                look = f"{name}-{scheme}"
                self.browser.show(width, height, scheme)
                self.browser.open(self.url, SHOWN)
                scroll = self.browser.evaluate("document.documentElement.scrollWidth")
                self.check(scroll <= width, f"{look}: {scroll} pixels wide, at most {width}")
                outside = self.browser.evaluate(
                    "[...document.querySelectorAll('section *, header *')].filter((e) => e.getClientRects().length && "
                    f"e.getBoundingClientRect().right > {width}).map((e) => e.tagName)")
                self.check(outside == [], f"{look}: nothing sticks out {outside or ''}")
                contrast, where = self.browser.evaluate(CONTRAST)
                self.check(contrast >= 4.5, f"{look}: least contrast {contrast:.1f} ({where}), at least 4.5")
                self.picture(look)
        background = [self._background(scheme) for scheme in ("light", "dark")]
        self.check(background[0] > 200 and background[1] < 60, f"light and dark differ: {background}")

    def _background(self, scheme: str) -> float:
        self.browser.show(*WIDE, scheme)
        return float(self.browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))

    def shows_what_the_server_says(self) -> None:
        self.browser.show(*WIDE, "light")
        self.browser.open(self.url, SHOWN)
        status = self.status()
        text = self.browser.evaluate("document.querySelector('main').innerText")
        self.check(self.browser.evaluate("document.querySelector('h1').textContent") == MARKUP, "the model's name is text")
        self.check(self.browser.evaluate("document.images.length") == 0, "markup in a name makes no element")
        self.check(self.browser.evaluate("document.title").startswith(MARKUP), "and runs nothing")
        self.check("ready" in text, "the state is there")
        for tenant in status["tenants"]:
            self.check(tenant["name"] in text, f"tenant {tenant['name']} is there")
        points = self.browser.evaluate(
            "[...document.querySelectorAll('#ladder polyline')].map((line) => line.getAttribute('points').split(' ').length)")
        ladder = status["model"]["ladder"]
        measured = sum(any(cell["batch"] == 1 for cell in rung["latency"]) for rung in ladder)
        self.check(points == [len(ladder), measured], f"fidelity and latency of the ladder are drawn: {points} points")
        rows = self.browser.evaluate("document.querySelectorAll('#latency tbody tr').length")
        self.check(rows == len(status["latency"]["budgets"]) > 0, f"{rows} budgets have latencies")
        self.check(status["load"]["demand_ratio"] > 0, "there is load")

    def loads_nothing_from_elsewhere(self) -> None:
        lines = "document.querySelectorAll('#history polyline')"
        self.browser.wait_for(f"{lines}.length === 3 && {lines}[0].getAttribute('points').split(' ').length >= 6")
        self.check(True, "demand, utilization and cap are drawn over time")
        self.picture("history")
        foreign = [url for url in self.browser.requested() if not url.startswith((self.url, "data:", "about:"))]
        self.check(foreign == [], f"it asks nobody else {foreign or ''}")
        self.check(self.browser.faults() == [], f"the console has no errors {self.browser.faults() or ''}")

    def shows_a_start(self) -> None:
        """Documents of a server that starts, which a simulated engine does in no time."""
        status = self.status()
        loading = {**status, "state": "ordering", "progress": 0.42, "serving": False, "model": {"name": "demo"},
                   "latency": {"window_seconds": 60, "budgets": []}}
        self.browser.answer = lambda url: json.dumps(loading).encode() if url.endswith("status.json") else None
        self.browser.show(*PHONE, "light")
        self.browser.open(self.url, SHOWN)
        text = self.browser.evaluate("document.querySelector('#startup').innerText")
        self.check(text == "ordering: 42 %; requests are refused until it is ready", f"start-up says: {text}")
        bar = self.browser.evaluate("document.querySelector('#progress-fill').offsetWidth / document.querySelector('#progress').offsetWidth")
        self.check(abs(bar - 0.42) < 0.01, f"its bar is at {bar:.2f}")
        self.check(self.browser.evaluate("document.querySelector('#ladder-section').hidden"), "no ladder is drawn yet")
        self.picture("starting")
        dense = {**loading, "serving": True}
        self.browser.answer = lambda url: json.dumps(dense).encode() if url.endswith("status.json") else None
        self.browser.wait_for("document.querySelector('#startup').innerText.includes('the dense model is served meanwhile')")
        self.browser.answer = lambda url: None
        self.browser.wait_for("document.querySelector('#startup').hidden")
        self.check(True, "what is shown follows the server to ready")

    def says_when_the_server_is_gone(self) -> None:
        self.server.stop()
        self.browser.wait_for("!document.querySelector('#lost').hidden")
        text = self.browser.evaluate("document.querySelector('#lost').innerText")
        self.check("does not answer" in text and "What is below is of" in text, f"a server that is gone: {text}")
        self.picture("gone")


def main() -> int:
    if chromium() is None:
        print("SKIPPED: no chromium here: apt-get install chromium", file=sys.stderr)
        return 77
    screenshots = Path(sys.argv[2]) if sys.argv[1:2] == ["--screenshots"] else None
    if screenshots is not None:
        screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tenants = []
        for tenant in ("backfill", "dashboard.internal", "search-and-recommendations-of-a-team-with-a-long-name"):
            (folder / f"{tenant}.key").write_text(tenant)
            tenants.append(f"  {tenant}: {{keys: 'sha256:{hashlib.sha256(tenant.encode()).hexdigest()}'}}\n")
        (folder / "tenants.yaml").write_text("tenants:\n" + "".join(tenants))
        (folder / "streams.yaml").write_text(
            f'- {{name: a, api-key-file: {folder}/backfill.key, rate: 150, budget: "1:2,0.5:1,0.3:1"}}\n'
            f'- {{name: b, api-key-file: {folder}/dashboard.internal.key, rate: 10, budget: "0.7"}}\n')
        flags = ["--workers", "8", "--model-name", MARKUP, "--tenants", str(folder / "tenants.yaml")]
        with LiveServer(*flags) as server, Browser() as browser:
            load = subprocess.Popen([str(BIN / "snapvit"), "bench", "--target", server.target, "--streams",
                                     str(folder / "streams.yaml"), "--duration", "120"], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
            test = StatusPageTest(browser, server, screenshots)
            try:
                browser.open(f"http://{server.http}/", SHOWN)
                browser.wait_for("document.querySelectorAll('#latency tbody tr').length >= 3")
                test.looks_right()
                test.shows_what_the_server_says()
                test.loads_nothing_from_elsewhere()
                test.shows_a_start()
            finally:
                load.terminate()
                load.wait()
            test.says_when_the_server_is_gone()
    print(f"{test.failed} failed")
    return 1 if test.failed else 0


if __name__ == "__main__":
    sys.exit(main())
