"""Docstrings as pages: a parameter a paragraph, and examples as programs."""

import re

import griffe

PARAMETER = re.compile(r"(?:\A|(?<=\.\n)|(?<=\n\n))((?:\w+, )*\w+): ", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> (?:.+\n?)+", re.MULTILINE)


class Pages(griffe.Extension):
    """Changes every docstring that is read; the sources stay as they are."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        if obj.docstring:
            text = PARAMETER.sub(r"\n**\1**: ", obj.docstring.value)
            obj.docstring.value = EXAMPLE.sub(_fenced, text)


def _fenced(example: re.Match[str]) -> str:
    return f"```pycon\n{example[0].rstrip()}\n```\n"
