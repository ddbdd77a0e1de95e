"""The page: all that it shows is inside, sorted by numbers, with what made it."""

import base64
import html
import io
import re
from urllib.parse import unquote

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import PIL.Image
import pytest

from paramrel.study.page import Exhibit, Frames, Opening, Section, sort_key, write_report
from paramrel.study.results import write_figure, write_table

TABLE = pd.DataFrame(
    {
        "dataset": ["a", "a", "a", "b", "b"],
        "method": ["vae", "bfn", "ae", "vae", "bfn"],
        "fd": ["2 ± 0.3", "10 ± 1", "", "3 ± 1", "3e-05 ± 1"],
        "probe": [0.5, 0.25, np.nan, 0.125, 0.75],
    }
)
ORIGIN = {"study": "digits", "parameters_sha256": "ab" * 32, "git_revision": "cd" * 20 + "+"}


@pytest.fixture
def page(tmp_path):
    """Return the text of the page of some exhibits, and of what else `write_report` takes."""

    def write(*exhibits, **more):
        section = Section("A < B", "Is it?\n\nIt is.", exhibits)
        write_report("Title", "For all.", [section], tmp_path / "out" / "report.html", **more)
        return (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    return write


@pytest.fixture
def picture(tmp_path):
    figure, _ = plt.subplots()
    write_figure(figure, tmp_path / "f.png")
    plt.close(figure)
    return tmp_path / "f.png"


def frames():
    rng = np.random.default_rng(0)
    shown = {"image": (8, 8), "held": (4, 8, 8), "expected": (2, 3, 4, 8, 8)}
    pictures = {name: rng.random(shape) for name, shape in shown.items()}
    times = [0.0, 0.1, 0.5, 1.0]
    return Frames(**pictures, choices=["z1", "z0"], amounts=[-3.0, 0.0, 3.0], times=times,
                  captions=("x", "θ", "z"), start=(2, 1))  # fmt: skip


def rows_of(text):
    """Each row of the page's first table, as its cells' (attributes, text)."""
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr>(.*?)</tr>", body)
    return [re.findall(r"<td([^>]*)>(.*?)</td>", row) for row in rows]


def test_the_page_holds_its_tables_and_pictures_and_points_nowhere(page, picture, tmp_path):
    text = page(
        Exhibit("T1", "Numbers.", TABLE),
        Exhibit("F1", "A <line>.", picture, "draw@digits"),
        Exhibit("F2", "Frames.", frames()),
    )
    assert "A &lt; B" in text and "<table" in text and "data:image/png;base64," in text
    assert "<p>Is it?</p>" in text and '<a href="#s1">' in text
    assert "A &lt;line&gt;." in text and "dvc repro draw@digits" in text
    assert "http" not in text and str(tmp_path) not in text
    elsewhere = re.findall(r"(?:href|src)=\"(?!#|data:)|url\((?!data:)|@import", text)
    assert not elsewhere


def test_equal_exhibits_are_equal_pages(page, picture):
    exhibits = [Exhibit("T1", "Numbers.", TABLE), Exhibit("F1", "", picture)]
    assert page(*exhibits, Exhibit("F2", "", frames())) == page(
        *exhibits, Exhibit("F2", "", frames())
    )


def test_tables_are_folded_under_the_number_of_their_rows_and_verdicts(page):
    verdicts = ["confirmed", "not decided: dead code", "not decided", "wins"]
    text = page(Exhibit("V1", "", pd.DataFrame({"claim": range(4), "verdict": verdicts})))
    assert "<details><summary>4 rows: 1 confirmed, 1 wins, 2 not decided</summary>" in text
    assert '<span class="verdict open">not decided</span><span>: dead code</span>' in text
    assert page(Exhibit("T1", "", TABLE[:1])).count("<summary>1 row</summary>") == 1


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (0.25, 0.25), (7, 7), ("2 ± 0.3", 2), ("-10 ± 1", -10), ("3e-05 ± 1", 3e-05),
        ("≥ 5.8 (cap)", 5.8), ("bound − its bound: -6.35 ± 0.92", -6.35), ("414 ± 3.4e+02", 414),
        ("confirmed 127 ± 9", 127), ("refuted -6.35 ± 0.92", -6.35),
        ("", None), (np.nan, None), (None, None), ("digits_17", None), ("a: 1 ± 2; b: 3 ± 4", None),
        ("not decided", None), ("(fewer than 3 seeds)", None), ("H1: At γ = 0, it is.", None),
    ],
)  # fmt: skip
def test_what_is_measured_is_sorted_by_its_number_and_words_by_none(cell, number):
    assert sort_key(cell) == number


def test_every_cell_with_a_number_says_what_it_is_sorted_by(page):
    rows = rows_of(page(Exhibit("T1", "", TABLE)))
    keys = [[re.findall('data-sort="(.*?)"', attributes) for attributes, _ in row] for row in rows]
    assert [row[2:] for row in keys] == [
        [["2"], ["0.5"]], [["10"], ["0.25"]], [[], []], [["3"], ["0.125"]], [["3e-05"], ["0.75"]],
    ]  # fmt: skip
    assert not any(found for row in keys for found in row[:2])


def test_the_best_of_each_data_set_is_marked_by_the_direction_of_its_column(page):
    def best(better):
        rows = rows_of(page(Exhibit("T1", "", TABLE, better=better)))
        return {
            (line, place)
            for line, row in enumerate(rows)
            for place, (attributes, _) in enumerate(row)
            if "best" in attributes
        }

    assert best({}) == set()
    assert best({"fd": False, "probe": True}) == {(0, 2), (4, 2), (0, 3), (4, 3)}
    assert best({"fd": True}) == {(1, 2), (3, 2)}


def test_controls_without_a_method_are_never_the_best(page):
    table = TABLE.drop(columns="method")
    assert 'class="best"' not in page(Exhibit("T1", "", table, better={"probe": True}))


def downloads(text):
    found = re.findall(r'download="(.*?)" href="data:text/csv;charset=utf-8,(.*?)"', text)
    return {name: unquote(html.unescape(rows)) for name, rows in found}


def test_the_rows_behind_a_figure_can_be_saved_as_they_are_without_their_origin(
    page, picture, tmp_path
):
    rows = pd.DataFrame(
        {"method": ["vae & 'bfn'", "b,c"], "seed": [0, 2], "fd": [1 / 3, 1e-7]} | ORIGIN
    )
    write_table(rows, tmp_path / "fd_digits.csv")
    text = page(Exhibit("F1", "", picture, rows=tmp_path / "fd_digits.csv"))
    saved = downloads(text)["fd_digits.csv"]
    assert saved == "method,seed,fd\nvae & 'bfn',0,0.333333\n\"b,c\",2,1e-07\n"
    assert "seeds 0, 2" in text


def test_a_table_can_be_saved(page):
    saved = downloads(page(Exhibit("T1 all", "", TABLE)))["T1 all.csv"]
    assert saved == TABLE.to_csv(index=False, lineterminator="\n")


def test_under_each_exhibit_stand_study_parameters_and_code(page, picture, monkeypatch):
    monkeypatch.setattr("paramrel.study.results.provenance", lambda stage: ORIGIN)
    figure, _ = plt.subplots()
    write_figure(figure, picture, "draw")
    plt.close(figure)
    other = {"study": "quick", "parameters_sha256": "12" * 32, "git_revision": ""}
    text = page(Exhibit("F1", "", picture), Exhibit("T1", "", TABLE), origin=other)
    of_figure, of_table = re.findall(r'<div class="made">(.*?)</div>', text)
    assert ">study digits<" in of_figure and ">parameters abababab<" in of_figure
    assert f'title="{"cd" * 20}+">code cdcdcdcd+<' in of_figure
    assert ">study quick<" in of_table and ">parameters 12121212<" in of_table
    assert "code" not in of_table.replace("<code>", "").replace("</code>", "")


def test_the_page_opens_with_the_sentence_the_figure_and_what_was_found(page, picture):
    found = {"Is it used?": pd.DataFrame({"data": ["digits"], "used": ["confirmed 127 ± 9"]})}
    opening = Opening("It is < used.", Exhibit("F10a", "", picture), found)
    text = page(Exhibit("T1", "", TABLE), opening=opening)
    order = ["It is &lt; used.", 'id="F10a"', "Is it used?", ">127 ± 9<", "For all.", 'id="s1"']
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "<details>" not in text[: text.index("For all.")]


def test_a_sheet_has_the_picture_of_each_choice_amount_and_time_in_its_place(page):
    made = frames()
    sheets = re.findall(r"url\(data:image/png;base64,(.*?)\)", page(Exhibit("F2", "", made)))
    pixels = [np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(s)))) for s in sheets]
    assert [sheet.shape for sheet in pixels] == [(8, 8), (8, 32), (48, 32)]
    for d, a, t in np.ndindex(2, 3, 4):
        row, column = 8 * (3 * d + a), 8 * t
        shown = pixels[2][row : row + 8, column : column + 8]
        np.testing.assert_array_equal(shown, np.rint(255 * (1 - made.expected[d, a, t])))


def test_sliders_begin_where_they_say_and_have_a_picture_for_each_of_their_places(page):
    text = page(Exhibit("F2", "", frames()))
    assert "--amounts: 3; --times: 4; --d: 0; --a: 2; --t: 1" in text
    assert re.findall(r'max="(\d)"', text) == ["2", "3"]
    assert re.findall(r"<output>(.*?)</output>", text) == ["3", "0.1"]
    assert re.findall(r'data-values="(.*?)"', text) == ["-3 0 3", "0 0.1 0.5 1"]
    assert re.findall(r"<option value=\"(\d)\">(.*?)<", text) == [("0", "z1"), ("1", "z0")]
