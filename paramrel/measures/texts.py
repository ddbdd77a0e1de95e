"""What a model and its code know of texts: bits per character, hidden words, factors, θ as letters.

Where texts are drawn from known factors, all of them can be written down, and what any model could
know at best is counted: the texts that agree with what is seen are equally probable.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data import Dataset
from paramrel.measures.codes import splits
from paramrel.metrics.ngrams import ngram_bits
from paramrel.metrics.probes import logistic_probe
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import conditional_bound, nll_bound
from paramrel.models.encoding import mean_code
from paramrel.runs.run import Run
from paramrel.solvers import inference
from paramrel.tasks.completion import complete
from paramrel.tasks.sampling import predictor

PENALTY = (1.0,)  # inverse one, of the probes of factors


class AllTexts:
    """All texts that factors can write, each once and equally probable.

    Raises ValueError for data without factors, and where two combinations write the same text.
    """

    def __init__(self, data: Dataset):
        if data.factors is None or data.render is None or len(data.shape) != 1:
            raise ValueError(f"{data.name} holds no texts that are drawn from factors")
        self.factors = data.factors.from_index(torch.arange(data.factors.combinations))
        self.sizes = data.factors.sizes
        texts = data.render(self.factors).to(torch.uint8).numpy()
        self.numbers = {text.tobytes(): number for number, text in enumerate(texts)}
        if len(self.numbers) < len(texts):
            raise ValueError(f"{data.name} writes the same text for several combinations")
        self.columns = np.ascontiguousarray(texts.T)  # (L, M)

    @property
    def nats(self) -> float:
        """What a text costs whoever knows the grammar: ln M, of M texts."""
        return float(np.log(len(self.factors)))

    def has(self, x: Tensor) -> Tensor:
        """Return which of texts x, (N, L), the factors can write, (N,)."""
        return torch.tensor([row.tobytes() in self.numbers for row in x.to(torch.uint8).numpy()])

    def agreeing(self, x: Tensor, seen: Tensor) -> Iterator[np.ndarray]:
        """Yield the numbers of all texts that agree with each x, (N, L), where it is seen."""
        for text, places in zip(x.numpy(), seen.numpy(), strict=True):
            left = np.arange(len(self.factors))
            for place in np.flatnonzero(places):
                left = left[self.columns[place, left] == text[place]]
            yield left

    def best_accuracy(self, x: Tensor, seen: Tensor) -> np.ndarray:
        """Return how often the best guess of each factor, (F,), is right, given what is seen.

        The mean over x of the greatest probability of a value: no classifier does better.
        """
        found = []
        for left in self.agreeing(x, seen):
            values = self.factors[left].numpy()
            found.append([np.bincount(column).max() / len(left) for column in values.T])
        return np.mean(found, 0)


def bits_table(
    run: Run, data: Dataset, orders: Sequence[int], examples: int, num_times: int
) -> pd.DataFrame:
    """Return bits per character of the test split: of n-grams, a run's bound, the grammar's floor.

    A row each, with the nats of a text. Of the run the first `examples` texts, with the standard
    error (`_sem`); the n-grams have learned from the same training split. The floor is absent
    where the texts are not drawn from factors.
    """
    length, nat = data.shape[0], float(np.log(2))
    rows = [{"model": f"{n}-grams", "bits_per_character": ngram_bits(data, n)} for n in orders]
    x = data.test.x[:examples]
    bound = nll_bound(run.model, x, num_times=num_times, generator=run.model.generator(run.seed))
    bits = bound.total / (length * nat)
    own = {"model": f"{run.method}, bound", "bits_per_character": bits.mean().item()}
    rows.append(own | {"bits_per_character_sem": bits.std().item() / len(x) ** 0.5})
    if data.factors is not None:
        floor = AllTexts(data).nats / (length * nat)
        rows.append({"model": "the grammar itself", "bits_per_character": floor})
    table = pd.DataFrame(rows)
    return table.assign(nats_per_text=table["bits_per_character"] * length * nat)


def word_seen(x: Tensor, word: int, space: int = 0) -> Tensor:
    """Return booleans (N, L) of texts x: false for the letters of one word of each.

    word: its place from 0, or from the end, -1 being the last. space: the class between words,
    which also fills texts up. That no word is longer can still be seen. Raises ValueError for a
    text that lacks such a word.
    """
    letter = x != space
    begins = letter & ~torch.cat([torch.zeros_like(letter[:, :1]), letter[:, :-1]], 1)
    place = begins.cumsum(1)
    number = place[:, -1:]
    wanted = word + number * (word < 0)
    if ((wanted < 0) | (wanted >= number)).any():
        raise ValueError(f"word is {word}; a text has only {number.min()} words")
    return ~(letter & (place == wanted + 1))


@dataclass(frozen=True)
class Infilled:
    """Texts of which a word is hidden, and draws of the whole: x, seen (N, L), draws (D, N, L)."""

    x: Tensor
    seen: Tensor
    draws: Tensor


def infill(
    model: FlowAutoencoder, x: Tensor, word: int, draws: int, steps: int, generator: Generator
) -> Infilled:
    """Hide a word of texts x, (N, L), and draw it again so many times; see `word_seen`."""
    seen = word_seen(x, word)
    drawn = [complete(model, x, steps, generator, seen) for _ in range(draws)]
    return Infilled(x, seen, torch.stack(drawn))


def infilling_row(
    model: FlowAutoencoder, filled: Infilled, texts: AllTexts, num_times: int, generator: Generator
) -> dict[str, float | int]:
    """Return how often draws are the hidden word, and what it costs, beside the best there is.

    accuracy: the share of draws that are the text, letter by letter; a sampler that knows the
    grammar has `accuracy_exact`. grammatical: the share that the grammar can write. bits: the bound
    on -log₂ p(hidden | seen) per hidden character, and `bits_exact` what it is at best.
    """
    x, seen, draws = filled.x, filled.seen, filled.draws
    hidden = (~seen).sum(1)
    bound = conditional_bound(model, x, seen, num_times, generator).total
    agreeing = torch.tensor([len(left) for left in texts.agreeing(x, seen)])
    bits = torch.stack([bound.double() / np.log(2), agreeing.double().log2()]).sum(1) / hidden.sum()
    return {
        "letters": hidden.double().mean().item(),
        "accuracy": (draws == x).all(-1).double().mean().item(),
        "accuracy_exact": (1 / agreeing.double()).mean().item(),
        "grammatical": texts.has(draws.flatten(0, 1)).double().mean().item(),
        "bits": bits[0].item(),
        "bits_exact": bits[1].item(),
        "n": len(x),
        "draws": len(draws),
    }


def probes_over_share(
    run: Run,
    data: Dataset,
    shares: Sequence[float],
    texts: AllTexts,
    examples: tuple[int, int, int],
    counted: int = 100,
) -> pd.DataFrame:
    """Probe the code of texts of which a share of the characters is seen, for each factor.

    A row for each share and factor: the test accuracy of a logistic regression on codes of so much
    evidence, `floor` (always the commonest value of the training split) and `ceiling`, the best
    guess from the characters seen, of the first `counted` test texts. examples: of each split.
    """
    rows, model = [], run.model
    x = [split.x[:number] for split, number in zip(splits(data), examples, strict=True)]
    factors = [s.factors[:number] for s, number in zip(splits(data), examples, strict=True)]
    for share in shares:
        generator = Generator().manual_seed(run.seed)
        seen = [torch.rand(part.shape, generator=generator) < share for part in x]
        codes = [
            mean_code(model, part, generator=model.generator(run.seed), seen=s)
            for part, s in zip(x, seen, strict=True)
        ]
        ceiling = texts.best_accuracy(x[2][:counted], seen[2][:counted])
        for i, name in enumerate(data.factors.names):
            labels = (values[:, i] for values in factors)
            found = logistic_probe(*zip(codes, labels, strict=True), grid=PENALTY)
            ends = {"floor": found["floor_accuracy"], "ceiling": ceiling[i]}
            kept = {"accuracy": found["accuracy"], "n_test": found["n_test"]}
            rows.append({"share": share, "factor": name} | kept | ends)
    return pd.DataFrame(rows)


def progressive_letters(
    model: FlowAutoencoder, x: Tensor, times: Sequence[float], generator: Generator
) -> Mapping[str, Tensor]:
    """Return the probabilities of each character of a text x, (L,), over times: (T, L, K) each.

    `θ`: the input distribution of θ_t. `code`: what the decoder makes of the code of θ_t alone.
    `θ and code`: of both. θ of all times shares its noise.
    """
    found = {"θ": [], "code": [], "θ and code": []}
    zero = torch.zeros(1)
    with inference(model):
        prior = model.flow.prior((1, len(x)))
        for time in times:
            t = torch.full((1,), time)
            theta = model.flow.sample_theta(x[None], t, generator.clone_state())
            z = model.encode_theta(theta, t).mean
            found["θ"].append(theta.to_distribution().probs)
            found["code"].append(predictor(model, z, time)(prior, zero).probs)
            found["θ and code"].append(predictor(model, z, time)(theta, t).probs)
    return {name: torch.cat(parts) for name, parts in found.items()}
