"""Sets that are drawn rather than downloaded: scenes and sprites of several sizes, sentences."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from paramrel.data.drawn.scenes import SCENE_FACTORS, SHAPES, render_scenes
from paramrel.data.drawn.sentences import (
    LENGTH,
    SENTENCE_ALPHABET,
    SENTENCE_FACTORS,
    SUBJECTS,
    render_sentences,
)
from paramrel.data.drawn.sprites import SPRITE_FACTORS, SPRITE_SHAPES, render_sprites
from paramrel.data.factors import Factors, Render
from paramrel.data.source import UNDECIDED, Original, Source

NUMBER = 60_000  # of all combinations, the same ones at every size


def sample_combinations(factors: Factors, number: int) -> Tensor:
    """Return the values (number, F) of the first combinations of a fixed shuffle of all."""
    order = np.random.RandomState(0).permutation(factors.combinations)  # frozen by NumPy for ever
    return factors.from_index(torch.from_numpy(order[:number]))


def _read(factors: Factors, render: Render, label: str) -> Original:
    values = sample_combinations(factors, NUMBER)
    return Original(
        chunks=(render(part).numpy() for part in values.split(2000)),
        labels=values[:, factors.names.index(label)].numpy(),
        split=np.full(NUMBER, UNDECIDED),
        factors=values.numpy().astype(np.uint8),
    )


def _source(
    name: str, shape: tuple[int, ...], render: Render, factors: Factors, label: str, **about
) -> Source:
    return Source(
        name=name,
        examples=NUMBER,
        shape=shape,
        read=partial(_read, factors, render, label),
        factors=factors,
        render=render,
        url="generated",
        licence="Apache 2.0, as this project",
        **about,
    )


SCENES = {
    size: _source(
        f"scenes_{size}", (3, size, size), partial(render_scenes, size=size), SCENE_FACTORS,
        label="shape", max_level=255, label_names=SHAPES,
        citation="Factors after C. Burgess and H. Kim (2018). 3D Shapes Dataset",
    )
    for size in (16, 32, 64)
}  # fmt: skip


SPRITES = {
    size: _source(
        f"sprites_{size}", (1, size, size), partial(render_sprites, size=size), SPRITE_FACTORS,
        label="shape", max_level=1, label_names=SPRITE_SHAPES,
        citation="Factors after L. Matthey et al. (2017). dSprites",
    )
    for size in (16, 32, 64)
}  # fmt: skip


SENTENCES = _source(
    "sentences", (LENGTH,), render_sentences, SENTENCE_FACTORS,
    label="subject", max_level=len(SENTENCE_ALPHABET.signs) - 1, label_names=tuple(SUBJECTS),
    alphabet=SENTENCE_ALPHABET, citation="This project's own grammar",
)  # fmt: skip
