"""One HTML page that needs no other file: pictures, tables and their rows are inside."""

import base64
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import PIL.Image

from paramrel.data.disk.files import whole_file

ORIGIN = {"study": "study", "parameters_sha256": "parameters", "git_revision": "code"}
VERDICTS = {
    "confirmed": "yes", "wins": "yes", "refuted": "no", "loses": "no", "not decided": "open"
}  # fmt: skip
LONG = 40  # letters of a cell, from which on it is broken into lines
VERDICT = re.compile("|".join(VERDICTS))
NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?"
# A number, `2 ± 0.3`, `≥ 5.8 (cap)` or `what it is of: 2 ± 0.3`, not two of these.
MEASURED = re.compile(
    rf"(?:(?:{VERDICT.pattern})[ :]+)?(?:[^;]*: )?(?:≥ )?({NUMBER})(?: [±(][^;]*)?"
)


@dataclass(frozen=True)
class Frames:
    """Pictures for two sliders and a choice, of values from 0 (white) to 1 (black).

    image: (H, W), what all of it is about; held: (T, H, W), one for each of `times`; expected:
    (D, A, T, H, W), one for each choice, of which `choices` has the names, amount and time.
    """

    image: np.ndarray
    held: np.ndarray
    expected: np.ndarray
    choices: Sequence[str]
    amounts: Sequence[float]
    times: Sequence[float]
    captions: tuple[str, str, str]
    start: tuple[int, int]  # the amount and the time that are seen first


@dataclass(frozen=True)
class Exhibit:
    """A table or a figure: its name (T1, F4), its caption, what it shows, the stage that made it.

    content: a table, the path of a PNG, or frames. `report` makes what no other stage does.
    rows: the CSV of what it summarises or draws. better: of which columns higher is better, and of
    which lower; the best of each data set is marked.
    """

    name: str
    caption: str
    content: pd.DataFrame | str | Path | Frames
    stage: str = "report"
    rows: Path | None = None
    better: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, and the tables and figures that they speak of."""

    title: str
    text: str
    exhibits: Sequence[Exhibit] = ()


@dataclass(frozen=True)
class Opening:
    """What is read first: a sentence, a figure, and tables of what was found, by their question."""

    sentence: str
    figure: Exhibit
    findings: Mapping[str, pd.DataFrame]


def write_report(
    title: str,
    setting: str,
    sections: Sequence[Section],
    path: str | Path,
    opening: Opening | None = None,
    origin: Mapping[str, str] | None = None,
) -> None:
    """Write the page; equal arguments write equal bytes.

    setting: paragraphs on what holds for all of it. origin: `provenance` of what has no other.
    """
    links = "".join(
        f'<li><a href="#s{number}">{html.escape(section.title)}</a></li>'
        for number, section in enumerate(sections, 1)
    )
    origin = origin or {}
    body = "\n".join(_section(number, part, origin) for number, part in enumerate(sections, 1))
    style, script = (
        Path(__file__).with_name(f"page.{kind}").read_text(encoding="utf-8")
        for kind in ("css", "js")
    )
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title>'
        f"<style>{style}</style></head>\n<body><h1>{html.escape(title)}</h1>\n"
        f"{_opening(opening, origin) if opening else ''}"
        f'<div class="setting">{_paragraphs(setting)}</div>\n'
        f"<nav><ol>{links}</ol></nav>\n{body}\n<script>{script}</script></body></html>\n"
    )
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8", newline="\n")


def _opening(opening: Opening, origin: Mapping[str, str]) -> str:
    findings = "".join(
        f"<section><h2>{html.escape(question)}</h2>{_table(table)}</section>"
        for question, table in opening.findings.items()
    )
    return (
        f'<p class="sentence">{html.escape(opening.sentence)}</p>\n<div class="opening">'
        f'{_exhibit(opening.figure, origin)}<div class="findings">{findings}</div></div>\n'
    )


def _section(number: int, section: Section, origin: Mapping[str, str]) -> str:
    heading = f'<h2 id="s{number}">{number}. {html.escape(section.title)}</h2>'
    exhibits = [_exhibit(exhibit, origin) for exhibit in section.exhibits]
    return "\n".join([heading, _paragraphs(section.text), *exhibits])


def _paragraphs(text: str) -> str:
    return "\n".join(f"<p>{html.escape(part.strip())}</p>" for part in text.split("\n\n"))


def _exhibit(exhibit: Exhibit, origin: Mapping[str, str]) -> str:
    name, caption = html.escape(exhibit.name), html.escape(exhibit.caption)
    made = " · ".join(_made(exhibit, origin))
    says = f'<figcaption><b>{name}.</b> {caption}<div class="made">{made}</div></figcaption>'
    place = name.replace(" ", "-")
    if isinstance(exhibit.content, pd.DataFrame):
        table = _table(exhibit.content, exhibit.better)
        content = f"<details><summary>{_counts(exhibit.content)}</summary>{table}</details>"
        return f'<figure id="{place}">{says}{content}</figure>'
    if isinstance(exhibit.content, Frames):
        return f'<figure id="{place}">{_sliders(exhibit.content)}{says}</figure>'
    picture = _uri(Path(exhibit.content).read_bytes())
    return f'<figure id="{place}"><img alt="{caption}" src="{picture}">{says}</figure>'


def _made(exhibit: Exhibit, origin: Mapping[str, str]) -> Iterator[str]:
    """The command, study, parameters, code and seeds of an exhibit, and its numbers as CSV."""
    yield f"<code>dvc repro {html.escape(exhibit.stage)}</code>"
    if isinstance(exhibit.content, str | Path):
        with PIL.Image.open(exhibit.content) as picture:
            origin = picture.info
    for key, word in ORIGIN.items():
        if value := html.escape(str(origin.get(key, ""))):
            short = value[:8] + "+" * value.endswith("+") if len(value) >= 40 else value
            yield f'<span title="{value}">{word} {short}</span>'
    rows = None
    if exhibit.rows is not None:
        rows = pd.read_csv(exhibit.rows, dtype=str, keep_default_na=False)
        seeds = sorted({float(seed) for seed in rows.get("seed", ()) if seed})
        yield f"seeds {', '.join(f'{seed:g}' for seed in seeds)}"
    if isinstance(exhibit.content, pd.DataFrame):
        yield _download(exhibit.content, f"{exhibit.name}.csv", "this table")
    if rows is not None:
        rows = rows.drop(columns=[*ORIGIN], errors="ignore")
        yield _download(rows, exhibit.rows.name, "the rows of every seed")


def _download(table: pd.DataFrame, name: str, words: str) -> str:
    text = quote(table.to_csv(index=False, lineterminator="\n"), safe=",;:=[]()+/±−γλθ")
    uri = html.escape(f"data:text/csv;charset=utf-8,{text}")
    return f'<a download="{html.escape(name)}" href="{uri}">{words} (CSV)</a>'


def _counts(table: pd.DataFrame) -> str:
    """How many rows, and how many of each verdict."""
    number = f"{len(table)} row{'s' * (len(table) != 1)}"
    cells = [cell for cell in table.iloc[:, -1] if isinstance(cell, str)] if len(table) else []
    found = [match[0] for cell in cells if (match := VERDICT.match(cell))]
    counts = [f"{found.count(word)} {word}" for word in VERDICTS if word in found]
    return f"{number}: {', '.join(counts)}" if counts else number


def _table(table: pd.DataFrame, better: Mapping[str, bool] | None = None) -> str:
    best = _best(table, better or {})
    heads = "".join(
        f'<th scope="col"{_of_words(table[name])}><button type="button">{_breakable(str(name))}'
        "</button></th>"
        for name in table
    )
    rows = "".join(
        f"<tr>{''.join(_cell(value, (line, name) in best) for name, value in row.items())}</tr>\n"
        for line, row in enumerate(table.to_dict("records"))
    )
    return (
        f'<div class="table" tabindex="0"><table><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(value: object, best: bool) -> str:
    """Its text, with what it is sorted by where that is a number."""
    text = _text(value)
    key = sort_key(value)
    classes = {"words": key is None, "long": key is None and len(text) > LONG, "best": best}
    kinds = " ".join(name for name, is_so in classes.items() if is_so)
    attributes = f' class="{kinds}"' * bool(kinds)
    attributes += "" if key is None else f' data-sort="{key:.12g}"'
    shown, match = _breakable(text), VERDICT.match(text)
    if match:
        pill = f'<span class="verdict {VERDICTS[match[0]]}">{match[0]}</span>'
        rest = html.escape(text[match.end() :])
        shown = f"{pill}{' ' * rest.startswith(' ')}<span>{rest.strip()}</span>"
    return f"<td{attributes}>{shown}</td>"


def _of_words(column: pd.Series) -> str:
    """The class of a column without numbers."""
    return ' class="words"' if all(sort_key(cell) is None for cell in column) else ""


def _breakable(text: str) -> str:
    """A name of words joined by underscores may be broken after each."""
    return html.escape(text).replace("_", "_<wbr>")


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:g}"
    return "" if value is None or value is pd.NA else str(value)


def sort_key(value: object) -> float | None:
    """Return the number that a cell begins with, that which is measured; None of other text."""
    match = MEASURED.fullmatch(_text(value))
    return float(match[1]) if match else None


def _best(table: pd.DataFrame, better: Mapping[str, bool]) -> set[tuple[int, str]]:
    """Line and column of the best method of each data set."""
    if "method" not in table:
        return set()
    table, found = table.reset_index(drop=True), set()
    for column in (name for name in better if name in table):
        keys = pd.Series([sort_key(cell) for cell in table[column]], dtype=float)
        of = table["dataset"] if "dataset" in table else pd.Series(0, table.index)
        for _, group in keys.dropna().groupby(of, sort=False):
            if len(group) > 1:
                end = group.max() if better[column] else group.min()
                found |= {(line, column) for line in group.index[group == end]}
    return found


def _sliders(frames: Frames) -> str:
    """Three pictures, and what moves them: a choice, an amount and a time."""
    choices = "".join(
        f'<option value="{i}">{html.escape(name)}</option>' for i, name in enumerate(frames.choices)
    )
    values = {"a": frames.amounts, "t": frames.times}
    starts = dict(zip(values, frames.start, strict=True))
    controls = [f'<label>scalar <select name="d" autocomplete="off">{choices}</select></label>']
    for name, word in {"a": "moved by", "t": "time t"}.items():
        each = " ".join(f"{value:g}" for value in values[name])
        controls.append(
            f'<label>{word} <input type="range" name="{name}" min="0" autocomplete="off" '
            f'max="{len(values[name]) - 1}" value="{starts[name]}" data-values="{each}">'
            f"<output>{values[name][starts[name]]:g}</output></label>"
        )
    shown = {"image": frames.image[None, None], "held": frames.held[None]}
    shown["expected"] = frames.expected.reshape(-1, *frames.expected.shape[2:])
    tiles = "".join(
        f'<div><div class="tile {kind}" role="img" aria-label="{html.escape(caption)}" '
        f'style="background-image: url({_sheet(pictures)})"></div>{html.escape(caption)}</div>'
        for (kind, pictures), caption in zip(shown.items(), frames.captions, strict=True)
    )
    size = {"amounts": len(frames.amounts), "times": len(frames.times), "d": 0} | starts
    style = "; ".join(f"--{name}: {value}" for name, value in size.items())
    return (
        f'<div class="sliders" style="{style}"><div class="tiles">{tiles}</div>'
        f'<div class="controls">{"".join(controls)}</div></div>'
    )


def _sheet(pictures: np.ndarray) -> str:
    """(R, C, H, W), rows of pictures, as one PNG of grey values."""
    levels = np.rint(255 * (1 - pictures.clip(0, 1))).astype(np.uint8)
    rows, columns, height, width = levels.shape
    sheet, file = levels.swapaxes(1, 2).reshape(rows * height, columns * width), BytesIO()
    PIL.Image.fromarray(sheet).save(file, format="png", optimize=True)
    return _uri(file.getvalue())


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
