"""The site: docs/mkdocs.yml has every document, notebook and public name, and builds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import paramrel

ROOT = Path(__file__).parents[1]
NAV = (ROOT / "docs/mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("pattern", ["README.md", "docs/*.md", "notebooks/*.ipynb"])
def test_every_page_has_its_place(pattern):
    pages = [path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)]
    assert pages and [page for page in pages if not re.search(rf" {page}\n", NAV)] == []


def test_every_public_name_stands_in_the_reference():
    text = (ROOT / "docs/site/names.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: paramrel\..*\.(\w+)$", text, re.MULTILINE)
    assert set(paramrel.__all__) <= set(shown) and len(shown) == len(set(shown))


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_no_other_server_for_anything(tmp_path):
    for package in ("mkdocs", "material", "mkdocs_jupyter", "mkdocstrings", "latex2mathml"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/mkdocs.yml"]
    subprocess.run([*command, "-d", tmp_path], cwd=ROOT, check=True)
    for page in tmp_path.rglob("*.html"):
        asked = re.findall(r"<(?:script|img|link)\b[^>]*(?:src|href)=\"?https?:", page.read_text())
        assert asked == [], page
