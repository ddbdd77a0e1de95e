"""The report in a real browser, where one is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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


@pytest.mark.skipif(BROWSER is None, reason="needs chromium on the PATH")
@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_shows_every_picture_and_fits_a_phone_and_a_desk(tmp_path, width):
    page = (ROOT / "results/digits/report.html").read_text(encoding="utf-8")
    (tmp_path / "report.html").write_text(page.replace("</head>", f"{PROBE}</head>"), "utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path}/profile", f"--window-size={width},900"]
    shown = subprocess.run(
        [*command, (tmp_path / "report.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    pictures, broken, over = map(
        int, re.search(r"<title>(\d+) pictures, (\d+) broken, (-?\d+) too wide", shown).groups()
    )
    assert pictures == page.count("<img ") >= 14
    assert broken == 0 and over <= 0
