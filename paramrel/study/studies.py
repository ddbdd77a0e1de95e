"""The studies that come with the package: each is a whole params.yaml, with a name and a cost."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from paramrel.data.disk.files import whole_file
from paramrel.study.params import load_params, plain_values
from paramrel.study.paths import study_root


def studies() -> dict[str, Path]:
    """Return the file of each study, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.yaml"))}


def use_study(name: str, force: bool = False) -> str:
    """Make params.yaml the file of a study; return what that says of itself and of its cost.

    ValueError for an unknown name, and where params.yaml has values of one's own, unless forced.
    """
    if name not in studies():
        nearest = "".join(f"; did you mean {n!r}?" for n in get_close_matches(name, studies(), 1))
        raise ValueError(f"there is no study {name!r}, only {', '.join(studies())}{nearest}")
    path = study_root() / "params.yaml"
    if path.is_file() and not force and (own := own_values(path)):
        raise ValueError(
            f"{path} has values of its own, which would be lost ({'; '.join(own)}); keep a copy "
            "of the file elsewhere, and add --force"
        )
    content = studies()[name].read_bytes()
    load_params(studies()[name])
    with whole_file(path) as part:
        part.write_bytes(content)
    comment = content.decode().split("\n#\n", 1)[0]
    return comment.replace("# ", "")


def own_values(path: Path) -> list[str]:
    """Return what of a params.yaml differs from the study of its name, `train.steps = 5, not 600`.

    Of a study that does not come with the package, its name alone.
    """
    try:
        values = plain_values(path)
        name = values["study"]
        original = plain_values(studies()[name])
    except (ValueError, TypeError):
        return ["it can't be read"]
    except KeyError:
        return [f"it is of no study that comes with the package: {', '.join(studies())}"]
    return list(_differences(values, original))


def _differences(values: object, original: object, place: str = "") -> Iterator[str]:
    if not (isinstance(values, dict) and isinstance(original, dict)):
        if values != original:
            yield f"{place} = {_text(values)}, not {_text(original)}"
        return
    for name in {**original, **values}:
        yield from _differences(
            values.get(name), original.get(name), f"{place}.{name}".removeprefix(".")
        )


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return "missing" if value is None else str(value)
