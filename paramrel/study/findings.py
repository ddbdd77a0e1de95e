"""What the page says first, in words that the verdicts choose: no conclusion is written here."""

from collections.abc import Mapping

import pandas as pd

from paramrel.study.claims import LATER_LOWERS, LATER_USED, SAME_IGNORED

Tables = Mapping[str, pd.DataFrame]


QUESTION = "is it used, what does it cost, and what is it good for?"
# of each claim: what is said where it is confirmed, where it is refuted, and where neither
SAYS = {
    SAME_IGNORED: (
        "a code of the decoder's own time is ignored",
        "a code of the decoder's own time is read",
        "whether a code of the decoder's own time is ignored is not decided",
    ),
    LATER_USED: (
        "a code of a later time is used",
        "a code of a later time is hardly used",
        "whether a code of a later time is used is not decided",
    ),
    LATER_LOWERS: (
        "it saves more nats than it costs",
        "it costs more nats than it saves",
        "whether it saves more nats than it costs is not decided",
    ),
}
VERDICTS = ("confirmed", "refuted", "not decided")


def sentence(printed: Tables, dataset: str) -> str:
    """Return the study in one sentence, as the verdicts on a data set have it.

    printed: with `worth`, the table of verdicts at full length; without it, the sentence asks.
    """
    begin = "A Bayesian Flow Network can be told a code that is read from its own parameters: "
    worth = _of_worth(printed)
    decided = dict(worth.loc[worth["data"] == dataset, ["begins", "verdict"]].to_numpy())
    said = [
        words[VERDICTS.index(decided[claim])] for claim, words in SAYS.items() if claim in decided
    ]
    if len(said) < len(SAYS):
        return begin + QUESTION
    return f"{begin}on {dataset}, {', '.join(said[:-1])}, and {said[-1]}."


def findings(printed: Tables) -> dict[str, pd.DataFrame]:
    """Return verdicts by question: whose code is used, what it costs, who does better.

    printed: with `worth` and `wins`; a question without a table is left out.
    """
    worth = _of_worth(printed)
    found = {
        "Is the code used? Nats that a shuffled one adds": _by_data(
            worth, {SAME_IGNORED: "own time ignored", LATER_USED: "later time used"}
        ),
        "Does it pay? Nats that a later code saves a plain BFN": _by_data(
            worth, {LATER_LOWERS: "saves"}
        ),
        "Is it better? ParamReL against its rivals": _counts(printed),
    }
    return {question: table for question, table in found.items() if not table.empty}


def _of_worth(printed: Tables) -> pd.DataFrame:
    """The rows of `worth` on claims of SAYS, with how the claim `begins`."""
    worth = printed.get("worth", pd.DataFrame(columns=["claim", "data", "measured", "verdict"]))
    begins = worth["claim"].map(
        lambda claim: next((begin for begin in SAYS if claim.startswith(f"{begin} at ")), None)
    )
    return worth.assign(begins=begins).dropna(subset="begins")


def _by_data(worth: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """A row a data set and a column a claim: its verdict, and what was measured."""
    cells = worth["verdict"] + " " + worth["measured"].str.split(": ").str[-1]
    wide = worth.assign(cell=cells).pivot(index="data", columns="begins", values="cell")
    there = [claim for claim in columns if claim in wide]
    wide = wide.loc[worth["data"].unique(), there].dropna(how="all").rename(columns=columns)
    return wide.rename_axis(None, axis=1).reset_index()


def _counts(printed: Tables) -> pd.DataFrame:
    """How many rivals ParamReL wins and loses against by each measure, and what is not decided."""
    wins = printed.get("wins")
    if wins is None:
        return pd.DataFrame()
    ends = wins["paramrel"].str.split(":").str[0]
    counts = pd.crosstab(wins["measure"], ends).reindex(wins["measure"].unique())
    counts = counts.reindex(columns=["wins", "loses", "not decided"], fill_value=0)
    return counts.rename_axis(None, axis=1).reset_index()
