"""What n-grams pay for texts: the control that a model of sequences must beat."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from paramrel.data import Dataset


def ngram_bits(data: Dataset, order: int) -> float:
    """Return the bits per sign that n-grams of the training split pay for the test split.

    order: 1 is the frequency of each sign, n the n − 1 signs before it as well, fewer at the
    beginning of a text. Orders are interpolated by Witten and Bell (1991), method C: a context that
    was seen N times, before T different signs, gives the share T / (N + T) to the next shorter one,
    the last being 1 / K for each of K signs. Padding counts as signs.

    Raises ValueError where the set is not categorical, (L,), and for orders outside 1 to L.
    """
    if data.kind != "categorical" or len(data.shape) != 1:
        raise ValueError(f"{data.name} holds {data.kind} {data.shape}; n-grams are of texts, (L,)")
    if not 1 <= order <= data.shape[0]:
        raise ValueError(f"order is {order}; it must be 1 to {data.shape[0]}")
    if data.levels**order >= 2**63:
        raise ValueError(f"order is {order}; of {data.levels} signs the n-grams can't be numbered")
    train, test = (part.x[:].cpu().numpy() for part in (data.train, data.test))
    probs = np.full(test.shape, 1 / data.levels)
    for n in range(1, order + 1):
        grams, counts = np.unique(_numbered(train, n, data.levels), return_counts=True)
        contexts, first = np.unique(grams // data.levels, return_index=True)
        seen, kinds = np.add.reduceat(counts, first), np.diff(first, append=len(grams))
        of_test = _numbered(test, n, data.levels)
        count = _looked_up(of_test, grams, counts)
        number, different = (
            _looked_up(of_test // data.levels, contexts, table) for table in (seen, kinds)
        )
        known = number > 0
        shorter = probs[:, n - 1 :]
        mixed = (count + different * shorter) / np.maximum(number + different, 1)
        probs[:, n - 1 :] = np.where(known, mixed, shorter)
    return float(-np.log2(probs).mean())


def _numbered(x: np.ndarray, n: int, levels: int) -> np.ndarray:
    """Return the n-grams of texts x (N, L) as numbers (N, L - n + 1), the last sign fastest."""
    return sliding_window_view(x, n, axis=1) @ levels ** np.arange(n)[::-1]


def _looked_up(keys: np.ndarray, sorted_keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the value of each key, 0 of those that are not there."""
    places = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.where(sorted_keys[places] == keys, values[places], 0)
