"""The report in a real browser, where one is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paramrel.study.page import Exhibit, Frames, Section, write_report

ROOT = Path(__file__).parents[1]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=5000", "--dump-dom",
)  # fmt: skip
# What the page says of itself when it is loaded: pictures, those without pixels, and its width.
PROBE = """<script>addEventListener("load", () => {
  const broken = [...document.images].filter(image => image.naturalWidth == 0).length;
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  document.title = `${document.images.length} pictures, ${broken} broken, ${over} too wide`;
})</script>"""


# What a reader does with a table and sliders, and the page's title then says what came of it.
READER = """<script>addEventListener("load", () => {
  const [method, fd] = document.querySelectorAll("th button");
  const order = () => [...document.querySelectorAll("tbody td:first-child")]
    .map(cell => cell.textContent).join("");
  const found = [fd, fd, method].map(button => (button.click(), order()));
  const [scalar, amount, time] = document.querySelectorAll("select, input");
  const expected = document.querySelector(".expected"), moved = [];
  for (const [control, value] of [[scalar, 1], [amount, 0], [time, 3]]) {
    control.value = value;
    control.dispatchEvent(new Event("input", {bubbles: true}));
  }
  const tile = expected.clientWidth;
  const place = getComputedStyle(expected).backgroundPosition.split(" ");
  moved.push(...place.map(length => -parseFloat(length) / tile));
  moved.push(...[...document.querySelectorAll("output")].map(output => output.value));
  document.title = [...found, ...moved].join(" ");
})</script>"""
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs chromium on the PATH")


def shown(page, folder, script, width=1200):
    """Return the page's title after a browser has loaded it with a script more."""
    (folder / "report.html").write_text(page.replace("</head>", f"{script}</head>"), "utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder}/profile", f"--window-size={width},900"]
    dom = subprocess.run(
        [*command, (folder / "report.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    return re.search(r"<title>(.*?)</title>", dom)[1]


@needs_browser
def test_a_click_on_a_header_sorts_by_number_and_sliders_move_their_picture(tmp_path):
    table = pd.DataFrame({"method": list("abcd"), "fd": ["10 ± 1", "", "9 ± 2", "-3e-05 ± 1"]})
    pictures = (np.zeros(shape) for shape in ((8, 8), (4, 8, 8), (2, 3, 4, 8, 8)))
    times = [0.0, 0.1, 0.5, 1.0]
    frames = Frames(*pictures, ["z1", "z0"], [-3.0, 0.0, 3.0], times, ("", "", ""), (2, 1))
    exhibits = [Exhibit("T1", "", table), Exhibit("F1", "", frames)]
    write_report("", "", [Section("", "", exhibits)], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    # of scalar 1, amount 0, time 3: picture 1 · 3 + 0 downwards
    assert shown(page, tmp_path, READER) == "dcab acdb abcd 3 3 -3 1"


@needs_browser
@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_shows_every_picture_and_fits_a_phone_and_a_desk(tmp_path, width):
    page = (ROOT / "results/digits/report.html").read_text(encoding="utf-8")
    pictures, broken, over = map(int, re.findall(r"-?\d+", shown(page, tmp_path, PROBE, width)))
    assert pictures == page.count("<img ") >= 14
    assert broken == 0 and over <= 0
