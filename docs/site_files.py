"""The site shows the README, the documents and the notebooks from where they lie.

Pages keep the places of their files, so that the links between them lead to the same ones.
"""

import re
from html import unescape
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
SHOWN = (
    "README.md", "docs/*.md", "notebooks/*.ipynb", "results/digits/report.html",
    "results/digits/figures/*.png",
)  # fmt: skip
SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)
CODE = re.compile(r"(<(?:pre|code|style|script)\b.*?</(?:pre|code|style|script)>)", re.DOTALL)
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)


@event_priority(100)  # before notebooks become pages
def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in sorted(path for pattern in SHOWN for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_content(html: str, page: Page, **_: object) -> str:
    """Notebooks lose the scripts that would be fetched to draw formulas and diagrams."""
    return SCRIPT.sub("", html) if page.file.src_uri.endswith(".ipynb") else html


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Formulas of notebooks become MathML, which browsers draw by themselves."""
    if not page.file.src_uri.endswith(".ipynb"):
        return output
    parts = CODE.split(output)
    return "".join(part if CODE.match(part) else FORMULA.sub(_math, part) for part in parts)


def _math(found: re.Match[str]) -> str:
    block, inline = found.groups()
    return convert(unescape(block or inline), display="block" if block else "inline")
