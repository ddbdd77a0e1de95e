"""The last step: every table and figure of the study with what it says, on one page."""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from paramrel.data.disk.files import whole_file
from paramrel.metrics.statistics import summary_table
from paramrel.study.params import StudyParams
from paramrel.study.paths import stem
from paramrel.study.results import read_json, read_table

LONG = 20  # rows, from which on a table is folded
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: auto; padding: 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 3rem; } figure { margin: 1.5rem 0; }
img { max-width: 100%; height: auto; } figcaption { color: #444; font-size: 0.9rem; }
code { font-size: 0.85em; } nav { columns: 2; } .table { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.85rem; }
th, td { padding: 0.2rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
@media (max-width: 40rem) { nav { columns: 1; } }
@media print {
  figure, tr { break-inside: avoid; } body { max-width: none; font-size: 10pt; }
  details::details-content { content-visibility: visible; }
  .table { overflow: visible; } table { font-size: 6pt; } th, td { padding: 0 0.3em; }
}
"""


def read_runs(params: StudyParams) -> pd.DataFrame:
    """Return the measurements of every run of the study, one row each."""
    folder = params.results / "metrics" / "train"
    return pd.DataFrame(
        read_json(folder / stem(dataset) / f"{method}-{seed}.json")
        for dataset, method, seed in params.runs
    )


def read_tables(folder: Path, name: str, datasets: Iterable[str]) -> pd.DataFrame:
    """Return the rows of <folder>/<name>_<dataset>.csv of all these data sets, if any."""
    tables = [read_table(folder / f"{name}_{stem(dataset)}.csv") for dataset in datasets]
    return pd.concat(tables) if tables else pd.DataFrame()


def summarise(rows: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return mean ± half width of `combined_interval`, a column a metric; empty where rows are.

    One seed has no interval, and what a method does not have is an empty cell. A number within .1
    of `<metric>_cap`, its largest possible value, is printed as a bound.
    """
    if rows.empty:
        return rows
    by, metrics = list(by), list(metrics)
    long = summary_table(rows, by, metrics)
    long["text"] = [
        "" if pd.isna(mean) else f"{mean:.3g}" + ("" if pd.isna(high) else f" ± {high - mean:.2g}")
        for mean, high in zip(long["mean"], long["high"], strict=True)
    ]
    means = rows.groupby(by, sort=False, dropna=False).mean(numeric_only=True)
    table = means.reset_index()[by]
    for metric in metrics:
        table[metric] = long.loc[long["metric"] == metric, "text"].to_numpy()
        if f"{metric}_cap" in means:
            least = means[f"{metric}_cap"].to_numpy() - 0.1
            capped = (means[metric] >= least).to_numpy()
            table[metric] = np.where(capped, [f"≥ {x:.2g} (cap)" for x in least], table[metric])
    return table


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure: its name (T1, F4), its caption, what it shows, the stage that made it.

    content: a table, or the path of a PNG. `report` makes what no other stage does.
    """

    name: str
    caption: str
    content: pd.DataFrame | str | Path
    stage: str = "report"


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, and the tables and figures that they speak of."""

    title: str
    text: str
    exhibits: Sequence[Exhibit] = ()


def write_report(title: str, setting: str, sections: Sequence[Section], path: str | Path) -> None:
    """Write one HTML page that needs no other file: the pictures are inside.

    setting: a paragraph on what holds for all of it.
    """
    links = "".join(
        f'<li><a href="#s{number}">{html.escape(section.title)}</a></li>'
        for number, section in enumerate(sections, 1)
    )
    body = "\n".join(_section(number, section) for number, section in enumerate(sections, 1))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n"
        f"{_paragraphs(setting)}\n<nav><ol>{links}</ol></nav>\n{body}\n</body></html>\n"
    )
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _section(number: int, section: Section) -> str:
    heading = f'<h2 id="s{number}">{number}. {html.escape(section.title)}</h2>'
    return "\n".join([heading, _paragraphs(section.text), *map(_exhibit, section.exhibits)])


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{html.escape(part.strip())}</p>" for part in text.split("\n\n"))


def _exhibit(exhibit: Exhibit) -> str:
    name, caption = html.escape(exhibit.name), html.escape(exhibit.caption)
    says = (
        f"<figcaption><b>{name}.</b> {caption} "
        f"<code>dvc repro {html.escape(exhibit.stage)}</code></figcaption>"
    )
    if isinstance(exhibit.content, pd.DataFrame):
        table = exhibit.content.to_html(index=False, border=0, na_rep="")
        table = f'<div class="table">{table}</div>'
        if len(exhibit.content) > LONG:
            table = f"<details><summary>{len(exhibit.content)} rows</summary>{table}</details>"
        return f'<figure id="{name}">{says}{table}</figure>'
    picture = base64.b64encode(Path(exhibit.content).read_bytes()).decode()
    image = f'<img alt="{caption}" src="data:image/png;base64,{picture}">'
    return f'<figure id="{name}">{image}{says}</figure>'
