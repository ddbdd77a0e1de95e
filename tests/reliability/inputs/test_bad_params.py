"""Damaged params.yaml: what is accepted is what DVC reads too, all else is one clear error."""

import json
from pathlib import Path

import pytest
import yaml
from ruamel.yaml import YAML

from paramrel.study.params import StudyParams, load_params

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "params.yaml").read_text(encoding="utf-8")
ODD = (
    "", "~", "many", "'5'", "true", "yes", "-1", "0", "1e-3", "1E400", ".nan", "-.inf", "010",
    "0x10", "1:30", "1_000", "2024-01-01", "9" * 5000, "-" * 30, "[]", "[1, [2]]", "[0, 0]",
    "[.nan]", "[true]", "{a: 1}", "!!int '5'", "!!binary aGk=", "!!set {a}", "!x 1",
    "!!python/object/apply:os.getcwd []", "&a 3", "*a", "[&a 1, *a]", "0.5", "1.5", "600.0",
    "|\n x",
)  # fmt: skip
WHOLE = {
    "empty": b"",
    "a comment": b"# nothing",
    "null": b"null",
    "a list": b"- 1\n- 2",
    "a text": b"hello",
    "latin-1": TEXT.replace("γ", "g").replace("σ", "s").encode("latin-1", "replace") + b"\xe9",
    "utf-16": TEXT.encode("utf-16"),
    "a marked utf-8": b"\xef\xbb\xbf" + TEXT.encode(),
    "zeros": bytes(1000),
    "two documents": TEXT.encode() + b"\n---\n" + TEXT.encode(),
    "deep lists": b"seeds: " + b"[" * 20_000,
    "deep mappings": b"{a: " * 10_000,
    "an alias bomb": b"a: &a [1,1]\n"
    + b"".join(b"%c: &%c [*%c,*%c]\n" % (i, i, i - 1, i - 1) for i in range(98, 122)),
    "a list without end": b"&a [*a]",
    "long": TEXT.encode() + b"# more\n" * 100_000,
    "windows": TEXT.replace("\n", "\r\n").encode(),
    "a merge": b"<<: {datasets: [digits]}\n" + TEXT.encode(),
    "tabs": TEXT.replace("  ", "\t").encode(),
}


def change_a_value(rng, lines):
    i = rng.choice([i for i, line in enumerate(lines) if ":" in line.split("#")[0]])
    lines[i] = f"{lines[i].split(':')[0]}: {rng.choice(ODD)}"


def misspell_a_name(rng, lines):
    i = rng.choice([i for i, line in enumerate(lines) if ":" in line.split("#")[0]])
    j = rng.randrange(len(lines[i].split(":")[0]))
    lines[i] = lines[i][:j] + rng.choice("abcxyz_ ") + lines[i][j + rng.randrange(2) :]


def delete_a_line(rng, lines):
    del lines[rng.randrange(len(lines))]


def repeat_a_line(rng, lines):
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))


def indent_a_line(rng, lines):
    i = rng.randrange(len(lines))
    lines[i] = rng.choice([lines[i].strip(), f"  {lines[i]}", f"\t{lines[i]}"])


def change_a_number(rng, lines):
    i = rng.choice([i for i, line in enumerate(lines) if any(map(str.isdigit, line))])
    digit = rng.choice([c for c in lines[i] if c.isdigit()])
    new = rng.choice(["-", "", ".", "e", "99999", "0", ":", "_", "1e3"])
    lines[i] = lines[i].replace(digit, new, 1)


def change_a_digit(rng, lines):
    i = rng.choice([i for i, line in enumerate(lines) if any(map(str.isdigit, line))])
    j = rng.choice([j for j, c in enumerate(lines[i]) if c.isdigit()])
    lines[i] = lines[i][:j] + rng.choice("0123456789") + lines[i][j + 1 :]


EDITS = (
    change_a_value, misspell_a_name, delete_a_line, repeat_a_line, indent_a_line, change_a_number,
    change_a_digit, change_a_digit,
)  # fmt: skip


def test_what_dvc_reads_is_what_the_study_reads(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace("seeds: [0, 1, 2]", "seeds: [010, 1, 2]"), encoding="utf-8")
    assert load_params(path).seeds == (10, 1, 2)
    assert YAML(typ="safe").load(path)["seeds"] == [10, 1, 2]
    assert yaml.safe_load(path.read_text())["seeds"] == [8, 1, 2]  # which it must not be


@pytest.mark.parametrize(
    "number", [100, pytest.param(2000, marks=pytest.mark.slow)], ids=["fast", "full"]
)
def test_edited_parameters_are_what_they_say_or_refused(tmp_path, judge, damages, number):
    path = tmp_path / "params.yaml"

    def mutate(rng):
        if rng.random() < 0.2:
            damage = rng.choice(damages)
            path.write_bytes(damage(rng, TEXT.encode()))
            return damage.__name__
        lines, edits = TEXT.splitlines(), rng.choices(EDITS, k=rng.choice([1, 1, 1, 3]))
        for edit in edits:
            edit(rng, lines)
        path.write_text("\n".join(lines), encoding="utf-8")
        return [edit.__name__ for edit in edits]

    def read():
        params = load_params(path).model_dump(by_alias=True, mode="json")
        check(params, YAML(typ="safe").load(path))
        return params

    original = load_params(ROOT / "params.yaml").model_dump(by_alias=True, mode="json")
    outcomes = judge(number, mutate, read, original, "params.yaml")
    assert outcomes["refused"] > number / 3 and outcomes["other"] > number / 20


def check(params, stated):
    """Assert that every stated number was taken as it stands, and that nothing else was set."""
    for name, field in StudyParams.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            fields = field.annotation.model_fields.items()
            defaults = {f.alias or key: f.default for key, f in fields if not f.is_required()}
            defaults = json.loads(json.dumps(defaults))
            assert params[name] == {**defaults, **numbers(stated[name])}
        else:
            assert params[name] == numbers(stated[name])
    assert stated.keys() == params.keys()


def numbers(stated):
    """Take quoted numbers for numbers."""
    if isinstance(stated, dict):
        return {name: numbers(value) for name, value in stated.items()}
    if isinstance(stated, list):
        return [numbers(value) for value in stated]
    try:
        return float(stated) if isinstance(stated, str) else stated
    except ValueError:
        return stated


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE.keys())
def test_a_file_of_another_kind_is_refused_or_means_the_same(tmp_path, judge, content):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    outcomes = judge(
        1, lambda _: "", lambda: load_params(path), load_params(ROOT / "params.yaml"), path.name
    )
    assert not outcomes["other"]
