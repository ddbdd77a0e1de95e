"""Signals that ask a program to stop: noted now, obeyed when the work at hand is safe."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOP = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Collect the first SIGINT or SIGTERM in a list instead of obeying it; a second one acts.

    Outside the main thread, where Python delivers none, the list stays empty.
    """
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return
    before = {number: signal.getsignal(number) for number in STOP}
    heard = {n: h for n, h in before.items() if h not in (signal.SIG_IGN, None)}

    def restore() -> None:
        for number, handler in heard.items():
            signal.signal(number, handler)

    def note(number: int, _: object) -> None:
        noted.append(number)
        restore()

    for number in heard:
        signal.signal(number, note)
    try:
        yield noted
    finally:
        restore()


def obey(noted: list[int]) -> None:
    """End as the noted signal would have; KeyboardInterrupt where nothing else ends the program."""
    for number in noted:
        signal.raise_signal(number)
    raise KeyboardInterrupt
