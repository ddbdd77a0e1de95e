"""What `paramrel fit`, `encode`, `sample` and `complete` do: from files to files."""

import json
import math
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError
from torch import Tensor
from torchvision.utils import save_image

from paramrel.data import DATASETS, Dataset, Variable, Variables, is_source, load_dataset
from paramrel.data.disk.files import whole_file
from paramrel.data.disk.images import decode, in_chunks
from paramrel.data.fields import Data
from paramrel.data.readings import Reading
from paramrel.data.sets.folder_tree import read_tree
from paramrel.data.sets.image_folder import PREFIX, parse_image_folder
from paramrel.data.source import PARTS, blaming
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.config import faults
from paramrel.models.encoding import mean_code
from paramrel.runs.run import FILE, Run, load_run, save_run
from paramrel.runs.train import read_numbers, train_run
from paramrel.study.paths import require_writable
from paramrel.tables import Column, TableModel
from paramrel.tables.cells import is_date
from paramrel.tables.model import FILE as TABLE_FILE
from paramrel.tables.model import METHOD as TABLE_METHOD
from paramrel.tasks.completion import complete as complete_data
from paramrel.tasks.sampling import require_code, to_pixels
from paramrel.tasks.sampling import sample as sample_data

TABLES = (".csv", ".parquet")
IMAGES = (".png", "")  # one grid, or a folder of PNGs


def fit(wanted: Namespace) -> None:
    """Train a model on a table or a data set, keep it, and print how it does on validation data."""
    _refuse(wanted.out, wanted.force)
    numbers = {_parameter(name): _value(text) for name, text in wanted.numbers}
    numbers |= {"steps": wanted.steps} if wanted.steps else {}
    if Path(wanted.data).suffix in TABLES:
        history = _fit_table(wanted, numbers)
    else:
        history = _fit_data(wanted, numbers)
    last = history.iloc[-1]
    print(f"validation at step {last['step']:.0f}, in nats an example where it has a unit:")
    for name in (name for name in last.index if name.startswith("validation_")):
        print(f"  {name.removeprefix('validation_'):22} {last[name]:.4g}")
    print(f"saved in {wanted.out}")


def _fit_table(wanted: Namespace, numbers: dict[str, object]) -> pd.DataFrame:
    if wanted.method not in (None, TABLE_METHOD):
        raise ValueError(f"the method of tables is {TABLE_METHOD}; leave out --method")
    known = TableModel().get_params()
    if unknown := [name for name in numbers if name not in known]:
        raise ValueError(f"{unknown[0]!r} is no number of a TableModel; it has {', '.join(known)}")
    table = _read_table(wanted.data)
    require_writable(wanted.out)
    own = {"random_state": wanted.seed, "progress": True}
    try:
        model = TableModel(**own | numbers).fit(table)
    except ValidationError as error:
        raise ValueError(faults(error)) from None
    print(model.schema_)
    model.save(wanted.out)
    return model.history_


def _fit_data(wanted: Namespace, numbers: dict[str, object]) -> pd.DataFrame:
    model, train = read_numbers(numbers)
    data = load_dataset(_word(wanted.data))
    require_writable(wanted.out)
    run, history = train_run(data, wanted.method or "paramrel", wanted.seed, model, train)
    save_run(run, wanted.out)
    (wanted.out / TABLE_FILE).unlink(missing_ok=True)  # of a table's model that stood there
    return history


def encode(wanted: Namespace) -> None:
    """Write the code of each example: a row with its name, or in .npy the numbers alone."""
    _require_suffix(wanted.out, (*TABLES, ".npy"), "codes")
    _refuse(wanted.out, wanted.force)
    model = _load(wanted.model)
    if isinstance(model, TableModel):
        table = _read_table(wanted.data)
        index, codes = table.index, model.transform(table)
        index = index.rename("row") if index.names == [None] else index
    else:
        require_code(model.model)
        index, parts = _examples(model, wanted.data)
        codes = torch.cat([mean_code(model.model, x) for x in parts]).numpy()
    if wanted.out.suffix == ".npy":
        _write_array(codes, wanted.out)
    else:
        columns = [f"z{i}" for i in range(codes.shape[1])]
        _write_table(pd.DataFrame(codes, index, columns), wanted.out)


def sample(wanted: Namespace) -> None:
    """Write new rows of a table, images, or an array of other data."""
    _refuse(wanted.out, wanted.force)
    model = _load(wanted.model)
    if isinstance(model, TableModel):
        _require_suffix(wanted.out, TABLES, "rows of a table")
        columns = {str(column.name): column for column in model.schema_.columns}
        if unknown := [name for name, _ in wanted.given if name not in columns]:
            raise ValueError(f"there is no column {unknown[0]!r}; the columns are {[*columns]}")
        given = {columns[name].name: _cell(columns[name], text) for name, text in wanted.given}
        _write_table(model.sample(wanted.n, given, wanted.seed), wanted.out)
        return
    if wanted.given:
        raise ValueError("--given names columns of a table, and this model is of no table")
    variables = model.model.variables
    of_images = _are_images(variables)
    if isinstance(variables, dict):
        raise ValueError("records have no file format here; use paramrel.sample in Python")
    _require_suffix(wanted.out, IMAGES if of_images else (".npy",), _words(variables))
    generator = model.model.generator(wanted.seed)
    x = sample_data(model.model, wanted.n, generator=generator)
    if of_images:
        _write_images(x, wanted.out, [str(i) for i in range(wanted.n)])
    else:
        _write_array(x.numpy(), wanted.out)


def complete(wanted: Namespace) -> None:
    """Write a table with its missing cells drawn, or images with their hidden pixels drawn."""
    _refuse(wanted.out, wanted.force)
    model = _load(wanted.model)
    if isinstance(model, TableModel):
        _require_suffix(wanted.out, TABLES, "rows of a table")
        if wanted.seen:
            raise ValueError("--seen is of images; of a table, empty cells are drawn")
        filled = model.impute(_read_table(wanted.data), wanted.draws, wanted.seed)
        if wanted.draws > 1 and filled.index.names[-1] is None:
            filled = filled.rename_axis(["draw", "row"])
        _write_table(filled, wanted.out)
        return
    if not _are_images(model.model.variables):
        raise ValueError(
            f"only tables and images are completed here, and this model reads "
            f"{_words(model.model.variables)}; use paramrel.complete in Python"
        )
    _require_suffix(wanted.out, IMAGES, "images")
    if not wanted.seen:
        raise ValueError("say which pixels are seen: --seen MASK.png, white where they are")
    index, parts = _examples(model, wanted.data)
    x = torch.cat([part[:] for part in parts])
    seen = _mask(model, wanted.seen).expand(x.shape)
    generator = model.model.generator(wanted.seed)
    drawn = [
        complete_data(model.model, x, generator=generator, seen=seen) for _ in range(wanted.draws)
    ]
    names = ["/".join(map(str, key)) if isinstance(key, tuple) else key for key in index]
    names = [name.removesuffix(".png") for name in names]
    if wanted.draws > 1:
        names = [f"{name}-{draw}" for name in names for draw in range(wanted.draws)]
    in_rows = torch.stack(drawn, 1).flatten(0, 1)
    _write_images(in_rows, wanted.out, names, wanted.draws if wanted.draws > 1 else None)


def _parameter(name: str) -> str:
    """λ is `lambda` in params.yaml, which is a word of Python's own."""
    return "lambda_" if name == "lambda" else name


def _value(text: str) -> object:
    """What a text means: a number, list, true or false as JSON writes them, or else itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _cell(column: Column, text: str) -> object:
    """What a text means as a cell of a column."""
    classes = {str(value): value for value in column.categories}
    if text in classes:
        return classes[text]
    return pd.Timestamp(text) if is_date(column.dtype) else _value(text)


def _refuse(path: Path, force: bool) -> None:
    """Raise FileExistsError for a file, or a folder with anything in it, unless told to write."""
    if not force and (path.is_file() or path.is_dir() and any(path.iterdir())):
        raise FileExistsError(f"{path} is there; choose another name, or add --force")


def _require_suffix(path: Path, suffixes: Sequence[str], what: str) -> None:
    if path.suffix not in suffixes:
        names = " or ".join(suffix or "a folder" for suffix in suffixes)
        raise ValueError(f"{path} can't hold {what}; name a file that ends in {names}")
    if path.suffix == ".parquet" and not (find_spec("pyarrow") or find_spec("fastparquet")):
        raise ValueError(f"{path}: .parquet needs a package, `pip install pyarrow`; or use .csv")


def _load(folder: Path) -> Run | TableModel:
    if (folder / TABLE_FILE).is_file():
        return TableModel.load(folder)
    if not (folder / FILE).is_file():
        raise FileNotFoundError(f"there is no model in {folder}; `paramrel fit` makes one")
    return load_run(folder).to("cuda" if torch.cuda.is_available() else "cpu")


def _read_table(name: str) -> pd.DataFrame:
    """Read a table; cells of a CSV become types that know missing cells, whole numbers stay so."""
    path = Path(name)
    _require_suffix(path, TABLES, "a table")
    if not path.is_file():
        raise FileNotFoundError(f"there is no table {path}")
    with blaming(path):
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype_backend="numpy_nullable")
        return pd.read_parquet(path)


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table, in a CSV with the index where that has a name."""
    with whole_file(path) as part:
        if path.suffix == ".csv":
            table.to_csv(part, index=table.index.names != [None], lineterminator="\n")
        else:
            table.to_parquet(part)


def _write_array(values: np.ndarray, path: Path) -> None:
    with whole_file(path) as part:
        np.save(part, values)


def _write_images(x: Tensor, path: Path, names: Sequence[str], columns: int | None = None) -> None:
    """Write images (N, C, H, W) as one grid, or each under its name into a folder."""
    light = (to_pixels(x) + 1) / 2
    if path.suffix == ".png":
        with whole_file(path) as part:
            save_image(light, part, nrow=columns or math.ceil(math.sqrt(len(x))))
        return
    for image, name in zip(light, names, strict=True):
        with whole_file(path / f"{name}.png") as part:
            save_image(image, part)


def _word(name: str) -> str:
    """Return the name by which `load_dataset` knows data; a folder of images has a longer one."""
    known = name in DATASETS or is_source(name)
    return f"{PREFIX}{name}" if not known and Path(name).is_dir() else name


def _examples(run: Run, name: str) -> tuple[pd.Index, list[Data]]:
    """Return what the examples of data are called, and x: (N, ...) as the model reads it, in parts.

    Images in a folder are called by their paths; examples of a set by their part and number.
    """
    word = _word(name)
    if word.startswith(PREFIX):
        return _images_in(run, word)
    if Path(name).suffix in TABLES:
        raise ValueError(f"{name} is a table, and the model reads {_words(run.model.variables)}")
    data = load_dataset(word)
    _require_same(data, run.model)
    parts = [getattr(data, part) for part in PARTS]
    names = [(part, i) for part, held in zip(PARTS, parts, strict=True) for i in range(len(held))]
    return pd.MultiIndex.from_tuples(names, names=["part", "number"]), [part.x for part in parts]


def _images_in(run: Run, word: str) -> tuple[pd.Index, list[Tensor]]:
    """All images in a folder, read as those that the model was trained on."""
    place, own = parse_image_folder(word)
    folder, options = Path(place).expanduser(), _decoding(run, own)
    paths = read_tree(folder).paths

    def read(path: Path) -> np.ndarray:
        with blaming(path):
            image = decode(path.read_bytes(), **options)
        if image.shape != run.model.variables.shape:
            raise ValueError(
                f"{path} has the shape {image.shape}, and the model reads "
                f"{_words(run.model.variables)}"
            )
        return image

    levels = np.concatenate([*in_chunks(paths, read)])
    names = [path.relative_to(folder).as_posix() for path in paths]
    return pd.Index(names, name="image"), [_reading(run.model)(torch.from_numpy(levels))]


def _reading(model: FlowAutoencoder) -> Reading:
    """How a model reads bytes; ValueError where it was trained on other levels than files have."""
    reading = Reading(model.variables.kind, 255)
    if reading.levels != model.variables.levels:
        raise ValueError(
            f"the model reads {_words(model.variables)}, and images in files have 256 levels"
        )
    return reading


def _decoding(run: Run, own: Mapping[str, object] | None = None) -> dict[str, object]:
    """The options of `decode` by which images become what a model reads.

    They are cropped as those that it was trained on, unless options of one's own say otherwise.
    """
    if not _are_images(run.model.variables):
        raise ValueError(f"the model reads {_words(run.model.variables)}, and no images")
    channels, height, width = run.model.variables.shape
    trained = parse_image_folder(run.dataset)[1] if run.dataset.startswith(PREFIX) else {}
    fixed = {
        "color": "rgb" if channels == 3 else "grey",
        "size": height if height == width else None,
    }
    return trained | dict(own or {}) | fixed


def _mask(run: Run, path: Path) -> Tensor:
    """Return where a mask is white, (1, H, W), cut and resized as the images are."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no mask {path}")
    with blaming(path):
        levels = decode(path.read_bytes(), **{**_decoding(run), "color": "grey"})
    if levels.shape[1:] != run.model.variables.shape[1:]:
        raise ValueError(f"{path} has the shape {levels.shape[1:]}, not that of the images")
    return torch.from_numpy(levels >= 128)


def _are_images(variables: Variables) -> bool:
    if isinstance(variables, dict):
        return False
    return len(variables.shape) == 3 and variables.shape[0] in (1, 3)


def _require_same(data: Dataset, model: FlowAutoencoder) -> None:
    if data.variables != model.variables:
        raise ValueError(
            f"{data.name} holds {_words(data.variables)}, and the model reads "
            f"{_words(model.variables)}"
        )


def _words(variables: Variables) -> str:
    """What examples are, in words."""
    if not isinstance(variables, Variable):
        return f"records of {', '.join(variables)}"
    levels = f" of {variables.levels} levels" if variables.levels else ""
    return f"{variables.kind} values{levels} in the shape {variables.shape}"
