"""What the page says first follows from the verdicts, and from nothing else."""

import itertools

import numpy as np
import pandas as pd
import pytest

from paramrel.study.claims import worth_claims
from paramrel.study.findings import QUESTION, SAYS, findings, sentence
from paramrel.study.verdicts import verdicts

SEEDS = np.arange(3.0)


def runs(same=0.0, later=127.0, cost=6.0, spread=0.01, dataset="digits"):
    """Three seeds of each method; same, later: nats of a shuffled code; cost: of the later one."""
    cells = {"bfn": (17, np.nan), "paramrel_same": (17, same), "paramrel": (17 + cost, later)}
    return pd.concat(
        pd.DataFrame({"method": method, "seed": SEEDS, "dataset": dataset, "steps": 600}).assign(
            nll_bound=bound + spread * np.roll(SEEDS, len(method)), shuffled_code=shuffled
            + spread * SEEDS,
        )
        for method, (bound, shuffled) in cells.items()
    )  # fmt: skip


def printed(*tables):
    return verdicts({"worth": worth_claims(pd.concat(tables), 0.9)})


# of each number: which of three words its verdict chooses (confirmed, refuted, not decided)
CHOSEN = {
    "same": {0.0: 0, 7.0: 1, 1.0: 2},
    "later": {127.0: 0, 3.0: 1, 10.0: 2},
    "cost": {-6.0: 0, 6.0: 1, 0.0: 2},
}


@pytest.mark.parametrize("measured", [*itertools.product(*CHOSEN.values())])
def test_each_part_of_the_sentence_follows_from_its_verdict(measured):
    numbers = dict(zip(CHOSEN, measured, strict=True))
    places = [CHOSEN[name][number] for name, number in numbers.items()]
    same, later, cost = (words[i] for words, i in zip(SAYS.values(), places, strict=True))
    said = sentence(printed(runs(**numbers)), "digits")
    assert said.endswith(f": on digits, {same}, {later}, and {cost}.")


def test_two_seeds_say_nothing_but_that_nothing_is_decided():
    few = runs().query("seed < 2")
    assert sentence(printed(few), "digits").count("not decided") == 3


def test_a_study_without_these_claims_asks():
    assert sentence({}, "digits").endswith(QUESTION)
    assert findings({}) == {}


def test_the_sentence_is_of_the_data_set_that_it_names():
    tables = printed(runs(), runs(same=7.0, dataset="faces"))
    assert "on digits, a code of the decoder's own time is ignored" in sentence(tables, "digits")
    assert "on faces, a code of the decoder's own time is read" in sentence(tables, "faces")
    assert sentence(tables, "scenes").endswith(QUESTION)


def test_findings_are_the_verdicts_of_each_data_set_with_what_was_measured():
    used, pays = findings(printed(runs(), runs(same=7.0, cost=-6.0, dataset="faces"))).values()
    assert used["data"].tolist() == pays["data"].tolist() == ["digits", "faces"]
    ignored, read = used["own time ignored"]
    assert ignored.startswith("confirmed 0.01 ±") and read.startswith("refuted 7.01 ±")
    assert pays["saves"].str.split(" ").str[0].tolist() == ["refuted", "confirmed"]


def test_wins_and_losses_are_counted_and_what_is_undecided_whyever():
    wins = pd.DataFrame(
        {
            "measure": ["fd", "fd", "fd", "bound", "bound"],
            "paramrel": ["wins", "loses", "not decided: dead code", "loses", "not decided"],
        }
    )
    (counts,) = findings({"wins": wins}).values()
    assert counts.to_dict("list") == {
        "measure": ["fd", "bound"], "wins": [1, 0], "loses": [1, 1], "not decided": [1, 1]
    }  # fmt: skip
