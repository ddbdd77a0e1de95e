"""What these tests share: small damages to bytes, and the judge of what comes of them."""

import random
import time
from collections import Counter

import pytest

SECONDS = 20  # for one trial, on a busy machine


def flip_a_bit(rng, content):
    i = rng.randrange(len(content))
    return content[:i] + bytes([content[i] ^ 1 << rng.randrange(8)]) + content[i + 1 :]


def overwrite(rng, content):
    i, new = rng.randrange(len(content)), rng.randbytes(rng.choice([1, 2, 8, 100]))
    return content[:i] + new + content[i + len(new) :]


def overwrite_the_head(rng, content):
    head = overwrite(rng, content[: min(64, len(content))])
    return head + content[len(head) :]


def put_an_extreme_number(rng, content):
    i, size = rng.randrange(len(content)), rng.choice([1, 2, 4, 8])
    pattern = rng.choice([b"\0", b"\xff", b"\x7f", b"\x80"]) * size
    return content[:i] + pattern + content[i + size :]


def cut(rng, content):
    return content[: rng.randrange(len(content))]


def cut_the_head(rng, content):
    return content[rng.randrange(len(content)) :]


def remove(rng, content):
    i = rng.randrange(len(content))
    return content[:i] + content[i + rng.choice([1, 4, 100]) :]


def insert(rng, content):
    i = rng.randrange(len(content))
    return content[:i] + rng.randbytes(rng.choice([1, 4, 100])) + content[i:]


def repeat(rng, content):
    i, j = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[:j] + content[i:]


def append(rng, content):
    return content + rng.choice([b"\0" * 50, rng.randbytes(50), content])


def blank(rng, content):
    i = rng.randrange(len(content))
    return content[:i] + bytes(min(512, len(content) - i)) + content[i + 512 :]


DAMAGES = (
    flip_a_bit, overwrite, overwrite_the_head, put_an_extreme_number, cut, cut_the_head, remove,
    insert, repeat, append, blank,
)  # fmt: skip


@pytest.fixture(scope="session")
def damages():
    """The damages that may happen to the bytes of any file: (rng, content) → content."""
    return DAMAGES


@pytest.fixture(scope="session")
def judge():
    """Return the judge of many trials.

    judge(number, mutate, read, original, name): mutate(rng) damages the file and describes how;
    read() then gives `original`, something else that is valid, or one clear error that names the
    file. Returns how often each happened; whatever else happens fails the test.
    """

    def judge(number, mutate, read, original, name):
        outcomes = Counter()
        for trial in range(number):
            rng = random.Random(f"{number}-{trial}")
            what = mutate(rng)
            start = time.monotonic()
            try:
                outcomes["same" if read() == original else "other"] += 1
            except (ValueError, OSError) as error:
                outcomes["refused"] += 1
                assert _is_clear(str(error), name), f"trial {trial}, {what}: {error!r}"
            except Exception as error:
                raise AssertionError(f"trial {trial}, {what}: {error!r}") from error
            assert time.monotonic() - start < SECONDS, f"trial {trial}, {what}"
        print(f"\n{name}: {number} trials, {dict(outcomes)}")  # shown by pytest -rP
        return outcomes

    return judge


def _is_clear(message, name):
    """Whether a message has one of the names, parted by |, and, in more than that, a cause."""
    return any(part in message for part in name.split("|")) and len(name) + 15 < len(message) < 1500
