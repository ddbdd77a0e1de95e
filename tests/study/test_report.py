"""Tables, figures and the page: the same bytes for the same numbers, nothing outside the page."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from paramrel.study.report import Exhibit, Section, summarise, write_report
from paramrel.study.results import read_json, read_table, write_figure, write_json, write_table

RUNS = pd.DataFrame(
    {
        "method": ["a", "a", "a", "b", "b", "b"],
        "seed": [0, 1, 2, 0, 1, 2],
        "nll": [1.0, 2.0, 3.0, 5.0, 5.0, 5.0],
        "kl": [None, None, None, 1.0, 2.0, 3.0],
    }
)


def test_json_has_six_significant_digits_at_any_depth(tmp_path):
    write_json({"a": 1 / 3, "b": {"c": 123456789.0, "n": 7, "s": "x"}}, tmp_path / "new" / "r.json")
    assert read_json(tmp_path / "new" / "r.json") == {
        "a": 0.333333,
        "b": {"c": 123457000.0, "n": 7, "s": "x"},
    }


def test_a_table_comes_back(tmp_path):
    write_table(RUNS, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), RUNS, check_dtype=False)


@pytest.mark.parametrize("read", [read_json, read_table])
def test_a_missing_file_says_how_it_is_made(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="x.file is missing; `dvc repro` makes it"):
        read(tmp_path / "x.file")


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("a", "b"):
        figure, axis = plt.subplots()
        axis.plot([1, 2])
        write_figure(figure, tmp_path / f"{name}.png")
        plt.close(figure)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_summary_has_the_t_interval_of_three_seeds_and_gaps_where_there_is_nothing():
    table = summarise(RUNS, ["method"], ["nll", "kl"]).set_index("method")
    assert table.loc["a", "nll"] == "2 ± 2.5"  # 4.303 · 1 / √3
    assert table.loc["b", "nll"] == "5 ± 0"
    assert table.loc["a", "kl"] == ""


def test_a_summary_combines_seeds_and_test_examples_and_keeps_the_order_of_the_rows():
    rows = RUNS.assign(nll_sem=2.0, gamma=[0.9] * 3 + [None] * 3)[::-1]
    table = summarise(rows, ["method", "gamma"], ["nll"])
    assert table["method"].tolist() == ["b", "a"]  # b has no γ
    assert table["nll"].tolist() == ["5 ± 3.9", "2 ± 4.3"]  # 1.960 · 2; 2.06 · √(1/3 + 4)


def test_information_at_its_cap_is_printed_as_a_bound():
    rows = RUNS.assign(kl_cap=5.886, nll_cap=[2.03] * 3 + [9] * 3)
    table = summarise(rows, ["method"], ["nll", "kl"])
    assert table["nll"].tolist() == ["≥ 1.9 (cap)", "5 ± 0"]
    assert table["kl"].tolist() == ["", "2 ± 2.5"]


def test_one_seed_has_no_interval():
    assert summarise(RUNS[RUNS["seed"] == 0], ["method"], ["nll"])["nll"].tolist() == ["1", "5"]


def test_the_page_holds_its_tables_and_pictures_and_points_nowhere(tmp_path):
    figure, _ = plt.subplots()
    write_figure(figure, tmp_path / "f.png")
    plt.close(figure)
    exhibits = [
        Exhibit("T1", "Numbers.", RUNS),
        Exhibit("F1", "A <line>.", tmp_path / "f.png", "draw@digits"),
    ]
    section = Section("A < B", "Is it?\n\nIt is.", exhibits)
    write_report("Title", "For all.", [section], tmp_path / "out" / "report.html")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "A &lt; B" in page and "<table" in page and "data:image/png;base64," in page
    assert "<p>Is it?</p>" in page and '<a href="#s1">' in page
    assert "A &lt;line&gt;." in page and "dvc repro draw@digits" in page
    assert "http" not in page and str(tmp_path) not in page


@pytest.mark.parametrize(("rows", "folded"), [(20, False), (21, True)])
def test_long_tables_are_folded(rows, folded, tmp_path):
    table = pd.DataFrame({"step": range(rows)})
    section = Section("Title", "Text.", [Exhibit("T1", "Numbers.", table)])
    write_report("Title", "For all.", [section], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (f"<summary>{rows} rows</summary>" in page) == folded
    assert "<td>19</td>" in page
