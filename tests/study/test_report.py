"""Tables, figures and summaries: the same bytes for the same numbers."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from paramrel.study.report import summarise
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
