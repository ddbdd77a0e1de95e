"""What the names of one's own sources have in common: a path with options, and files of text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from paramrel.data.readings import Kind
from paramrel.data.source import Source

Option = Callable[[str], Any]  # what stands behind its =, → its value, or None where it is none


@dataclass(frozen=True)
class Own:
    """One kind of one's own data.

    parse: a name → its path and options, without a look at the files; source: a name → its source;
    form: how its names are written; says: what it is.
    """

    parse: Callable[[str], tuple[str, dict[str, Any]]]
    source: Callable[[str], Source]
    kind: Kind
    form: str
    says: str


def parse_name(
    name: str, what: Literal["folder", "file"], options: Mapping[str, Option], listed: str
) -> tuple[str, dict[str, Any]]:
    """Split `kind:PATH,option,option=value` into the path and the options' values.

    A comma belongs to the path where there is such a folder or file. Raises ValueError without a
    path, and for other options than those that are `listed`.
    """
    start, _, rest = name.partition(":")
    words = rest.split(",")
    starts = [",".join(words[:i]) for i in range(1, len(words) + 1)]
    is_there = Path.is_dir if what == "folder" else Path.is_file
    place = next((s for s in reversed(starts) if is_there(Path(s).expanduser())), starts[0])
    if not place:
        raise ValueError(f"{name!r} names no {what}; write {start}:PATH")
    found = {}
    for word in words[place.count(",") + 1 :]:
        key, _, value = word.partition("=")
        found[key] = options[key](value) if key in options else None
        if found[key] is None:
            raise ValueError(f"{word!r} in {name!r} is no option; the options are {listed}")
    return place, found


def positive(value: str) -> int | None:
    """Return the whole number above 0 that a word is, or None."""
    return int(value) if value.isdecimal() and int(value) > 0 else None


def read_text(path: Path) -> str:
    r"""Return what a file in UTF-8 holds, its lines ending with \n.

    Raises FileNotFoundError where there is no file, ValueError where it is empty or no text.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path.resolve()}; a relative path starts at the working folder"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.resolve()} is no text in UTF-8 (see byte {error.start}); unpack it, or save it "
            "as UTF-8"
        ) from error
    if "\0" in text:
        raise ValueError(f"{path.resolve()} is a binary file; give a text in UTF-8")
    if not text.strip():
        raise ValueError(f"{path.resolve()} is empty; give a text in UTF-8")
    return text


def check_signs(path: Path, signs: str, remedy: str) -> None:
    """Raise ValueError for more different signs than one byte can number."""
    if len(signs) > 256:
        raise ValueError(
            f"{path.resolve()} has {len(signs)} different signs, but a set can have 256; {remedy}"
        )
