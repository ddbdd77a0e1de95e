"""The command line: what `paramrel` and every `python -m paramrel.…` do with files and words."""

import re
import signal
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from PIL import Image

import paramrel
from paramrel.__main__ import main
from paramrel.data.disk.images import decode
from paramrel.runs.run import load_run
from paramrel.tables import TableModel
from paramrel.training import loop

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "paramrel"
MODULES = [
    ".".join(path.relative_to(ROOT).parent.parts) for path in sorted(PACKAGE.rglob("__main__.py"))
]
COMMANDS = ("fit", "encode", "sample", "complete", "study", "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a table, images, a mask and a model of either, in which all tests run."""
    folder = tmp_path_factory.mktemp("command_line")
    rng = np.random.default_rng(0)
    table(rng).to_csv(folder / "people.csv", index=False)
    for i in range(12):
        write_image(folder / "photos" / "ab"[i % 2] / f"{i}.png", rng, 10, 12)
    white_left = np.repeat(np.uint8([[255, 255, 0, 0]]), 4, 0)
    Image.fromarray(white_left).save(folder / "mask.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARAMREL_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        main(["fit", "people.csv", "people", *TINY, "--set", "code_dim=3"])
        main(["fit", PHOTOS, "images", *TINY, "--set", *SMALL])
        yield folder


PHOTOS = "image_folder:photos,size=4"
KINDS = {"x": "continuous", "label": "categorical"}
TINY = ("--steps", "2")
SMALL = ("channels=[8]", "blocks=[0]", "code_dim=3", "batch_size=4", "evaluations=1")


def table(rng, rows=40):
    """A table of several sorts of columns, a part of whose cells is missing."""
    number = rng.normal(size=rows).round(2)
    df = pd.DataFrame(
        {
            "number": number,
            "count": pd.array(rng.integers(0, 9, rows), "Int64"),
            "word": np.where(number > 0, "up", "down"),
            "yes": rng.random(rows) < 0.5,
        }
    )
    for column in ("number", "count", "word"):
        df.loc[rng.random(rows) < 0.2, column] = None
    return df


def write_image(path, rng, height, width):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


def read(path):
    return pd.read_csv(path, dtype_backend="numpy_nullable")


def pixels(path, **options):
    return decode(Path(path).read_bytes(), "rgb", **options)


def centres(images):
    """The values of 256 levels, as models of images in files read them."""
    return (2 * np.stack(images).astype(np.float32) + 1) / 256 - 1


def refused(words, capsys, module="paramrel", status=2):
    """Return what a command says on the error stream when it ends with an exit status."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        import_module(f"{module}.__main__").main(list(words))
    assert ended.value.code == status
    return capsys.readouterr().err


def test_the_wheel_declares_the_command():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("paramrel", scripts["paramrel"], "console_scripts").load() is main
    assert MODULES == ["paramrel", "paramrel.data", "paramrel.study"]


def test_without_a_word_it_lists_its_commands(capsys):
    main([])
    said = capsys.readouterr().out
    assert all(f"\n    {command} " in said for command in COMMANDS) and "example:" in said


@pytest.mark.parametrize("module", MODULES)
def test_every_module_and_every_command_of_it_has_help(module, capsys):
    command = import_module(f"{module}.__main__").main
    with pytest.raises(SystemExit) as ended:
        command(["--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0 and said.startswith("usage: ")
    listed = re.findall(r"^    (\w[\w-]*) ", said, re.MULTILINE)
    assert len(listed) >= 3
    for name in listed:
        with pytest.raises(SystemExit) as ended:
            command([name, "--help"])
        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("usage: ")


@pytest.mark.parametrize("name", COMMANDS[:4])
def test_help_of_a_command_has_examples_that_its_parser_takes(name, capsys, monkeypatch):
    taken = []
    monkeypatch.setattr(f"paramrel.commands.{name}", taken.append)
    with pytest.raises(SystemExit):
        main([name, "--help"])
    examples = capsys.readouterr().out.split("examples:\n")[1].splitlines()
    for line in examples:
        program, *words = line.split()
        assert program == "paramrel"
        main(words)
    assert len(taken) == len(examples) >= 2


@pytest.mark.parametrize("name", COMMANDS[4:])
def test_a_command_of_a_room_is_that_room_s_own(name, capsys):
    said = []
    for command, words in ((main, [name]), (import_module(f"paramrel.{name}.__main__").main, [])):
        with pytest.raises(SystemExit):
            command([*words, "--help"])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        ("paramrel", ["fitt"], "invalid choice: 'fitt'"),
        ("paramrel", ["fit", "people.csv"], "the following arguments are required: OUT"),
        ("paramrel", ["fit", "people.csv", "new", "--steps", "0"], "'0' is no number of at least"),
        ("paramrel", ["fit", "people.csv", "new", "--seed", "-1"], "'-1' is no whole number from"),
        ("paramrel", ["fit", "people.csv", "new", "--set", "gamma"], "'gamma' is not NAME=VALUE"),
        ("paramrel", ["sample", "people", "new.csv", "-n", "few"], "'few' is no number"),
        ("paramrel", ["study", "trian"], "invalid choice: 'trian'"),
        ("paramrel", ["data", "prepare"], "the following arguments are required: NAME"),
        ("paramrel.data", ["lists"], "invalid choice: 'lists'"),
        ("paramrel.data", ["prepare"], "the following arguments are required: NAME"),
        ("paramrel.study", ["trian"], "invalid choice: 'trian'"),
        ("paramrel.study", ["train", "digits", "bfn", "first"], "invalid int value: 'first'"),
        ("paramrel.study", [], "the following arguments are required: command"),
    ],
)
def test_a_wrong_word_is_refused_in_a_sentence(module, words, message, capsys):
    said = refused(words, capsys, module)
    usage, sentence = said.split(" error: ")
    assert usage.startswith("usage: ") and message in sentence and sentence.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("fit digts new", "'digts', not one of .*did you mean 'digits'"),
        ("fit nothing.csv new", "there is no table nothing.csv"),
        ("fit digits new --method bfm", "did you mean 'bfn'"),
        ("fit digits new --set gama=1", "'gama' is no number .*did you mean 'gamma'"),
        ("fit digits new --set gamma=2", "gamma = 2: .*less than or equal to 1"),
        ("fit people.csv new --method bfn", "the method of tables is paramrel_evidence"),
        ("fit people.csv new --set gama=1", "'gama' is no number of a TableModel"),
        ("fit people.csv new --set code_dim=many", "code_dim = 'many': .*valid integer"),
        ("fit people.csv images", "images is there; choose another name, or add --force"),
        ("encode nothing people.csv new.csv", "there is no model in nothing"),
        ("encode people people.csv new.txt", "new.txt can't hold codes; .* in .csv or .parquet or"),
        ("encode people people.csv people.csv", "people.csv is there; .* add --force"),
        ("encode people photos new.csv", "photos can't hold a table"),
        ("encode people broken.csv new.csv", "broken.csv is damaged or of another format"),
        ("encode people other.csv new.csv", "yet now missing: - word - yes"),
        ("encode images people.csv new.csv", "people.csv is a table, and the model reads discreti"),
        ("encode images digits new.csv", r"digits holds binary .* reads .* the shape \(3, 4, 4\)"),
        ("encode images nowhere new.csv", "'nowhere', not one of"),
        ("sample people new.png", "new.png can't hold rows of a table"),
        ("sample people new.csv --given color=red", "no column 'color'; the columns are"),
        ("sample people new.csv --given count=2.5", "count can't hold 2.5"),
        ("sample people new.csv --given word=sideways", "does not know in word: 'sideways'"),
        ("sample images new.jpg", "new.jpg can't hold .* ends in .png or a folder"),
        ("sample images new --given word=up", "--given names columns of a table"),
        ("complete people people.csv new.csv --seen mask.png", "--seen is of images"),
        ("complete images photos new", "say which pixels are seen: --seen MASK.png"),
        ("complete images photos new --seen nothing.png", "there is no mask nothing.png"),
        ("complete images photos new --seen white.png", "nothing is hidden"),
    ],
)
def test_what_can_not_be_done_is_refused_in_a_sentence(words, message, place, capsys):
    Path("broken.csv").write_bytes(b'number,word\n"1\n2,3,4')
    Path("other.csv").write_text("number,count\n1,2\n")
    Image.new("L", (4, 4), "white").save("white.png")
    *above, sentence = refused(words.split(), capsys).splitlines()
    assert sentence.startswith(f"paramrel {words.split()[0]}: error: ")
    assert re.search(message, sentence) and "Traceback" not in above
    assert not [path for path in place.glob("new*") if path.is_file() or any(path.iterdir())]


def test_a_failure_of_the_machine_has_another_exit_status(place, capsys):
    Path("file").touch()
    said = refused(["fit", "people.csv", "file/model", *TINY], capsys, status=1)
    assert said.startswith("paramrel fit: error: ") and "cannot be written" in said


def test_a_table_goes_from_a_file_to_codes_draws_and_no_gap(place):
    known, model = read("people.csv"), TableModel.load("people")
    assert (model.steps, model.code_dim) == (2, 3)
    main(["encode", "people", "people.csv", "codes.csv"])
    codes = read("codes.csv")
    assert list(codes) == ["row", "z0", "z1", "z2"] and (codes["row"] == known.index).all()
    np.testing.assert_allclose(codes.iloc[:, 1:].astype(float), model.transform(known), rtol=1e-12)
    main(["encode", "people", "people.csv", "codes.npy"])
    np.testing.assert_array_equal(np.load("codes.npy"), model.transform(known))

    given = {"count": 3, "word": "up", "yes": True}
    words = [f"{name}={value}" for name, value in given.items()]
    main(["sample", "people", "drawn.csv", "-n", "5", "--given", *words])
    drawn = read("drawn.csv")
    assert_frame_equal(drawn.astype(known.dtypes), model.sample(5, given, 0))
    assert all((drawn[name] == value).all() for name, value in given.items())

    main(["complete", "people", "people.csv", "filled.csv"])
    filled = read("filled.csv")
    assert known.isna().any(axis=None) and filled.notna().all(axis=None)
    assert_frame_equal(filled.where(known.notna()), known)
    main(["complete", "people", "people.csv", "many.csv", "--draws", "2", "--seed", "1"])
    many = read("many.csv").set_index(["draw", "row"])
    assert_frame_equal(
        many.loc[1].reset_index(drop=True), model.impute(known, 2, 1).loc[1].astype(known.dtypes)
    )


def test_a_column_without_any_cell_is_completed(place):
    read("people.csv").assign(word=None, count=None).to_csv("empty.csv", index=False)
    main(["complete", "people", "empty.csv", "filled_columns.csv"])
    filled = read("filled_columns.csv")
    assert set(filled["word"]) <= {"up", "down"} and filled["count"].between(0, 8).all()


def test_images_go_from_a_folder_to_codes_draws_and_completions(place):
    run = load_run("images")
    assert run.dataset == PHOTOS and run.model.params.channels == (8,)
    main(["encode", "images", "photos", "codes_of_images.csv"])
    codes = pd.read_csv("codes_of_images.csv", index_col="image")
    assert set(codes.index) == {f"{'ab'[i % 2]}/{i}.png" for i in range(12)}
    x = centres([pixels(f"photos/{name}", size=4) for name in codes.index])
    expected = paramrel.mean_code(run.model, torch.from_numpy(x))
    np.testing.assert_allclose(codes, expected, atol=1e-6)

    main(["sample", "images", "grid.png", "-n", "4"])
    main(["sample", "images", "drawn", "-n", "4"])
    assert pixels("grid.png").shape == (3, 2 * 6 + 2, 2 * 6 + 2)
    drawn = [pixels(f"drawn/{i}.png") for i in range(4)]
    grid = pixels("grid.png")
    np.testing.assert_array_equal(grid[:, 2:6, 8:12], drawn[1])
    np.testing.assert_array_equal(centres(drawn), paramrel.sample(run.model, 4))

    main(["complete", "images", "photos", "completed", "--seen", "mask.png", "--draws", "2"])
    hidden = []
    for name in codes.index:
        known = pixels(f"photos/{name}", size=4)
        drawn = [pixels(f"completed/{name.removesuffix('.png')}-{i}.png") for i in range(2)]
        for image in drawn:
            np.testing.assert_array_equal(image[..., :2], known[..., :2])
        hidden.append([image[..., 2:] for image in drawn])
    one, other = np.stack(hidden, 1)
    assert (one != other).any()
    main(["complete", "images", "photos", "completed.png", "--seen", "mask.png", "--draws", "2"])
    assert pixels("completed.png").shape == (3, 12 * 6 + 2, 2 * 6 + 2)


def test_a_set_of_the_registry_is_encoded_part_by_part(place):
    main(["fit", "digits", "digits", *TINY, "--set", *SMALL, "lambda=0.5", "residual=false"])
    run = load_run("digits")
    assert (run.model.params.lambda_, run.model.params.residual) == (0.5, False)
    main(["encode", "digits", "digits", "digits.csv"])
    codes = pd.read_csv("digits.csv", index_col=["part", "number"])
    assert codes.index.is_unique and len(codes) == 1797
    expected = paramrel.mean_code(run.model, paramrel.load_dataset("digits").test.x)
    np.testing.assert_allclose(codes.loc["test"], expected, atol=1e-6)


def test_other_data_are_sampled_as_an_array_and_records_not_at_all(place, capsys):
    x, label = torch.linspace(-1, 1, 200)[:, None].expand(200, 3), torch.arange(200) % 2
    own = {"vectors": (x, "continuous"), "records": ({"x": x, "label": label}, KINDS)}
    for name, (values, kind) in own.items():
        data = paramrel.Dataset.from_tensors(values, kind)
        paramrel.save_run(paramrel.fit(data, steps=2, evaluations=1, progress=False), name)
    main(["sample", "vectors", "vectors.npy", "-n", "4", "--seed", "3"])
    model = load_run("vectors").model
    drawn = paramrel.sample(model, 4, generator=model.generator(3))
    np.testing.assert_array_equal(np.load("vectors.npy"), drawn)
    for words, message in [
        ("sample vectors new.png", r"can't hold continuous values in the shape \(3,\); .* in .npy"),
        ("complete vectors photos new", "only tables and images .* use paramrel.complete in Pyth"),
        ("encode vectors photos new.csv", "and no images"),
        ("sample records new.npy", "use paramrel.sample in Python"),
        ("encode records digits new.csv", "the model reads records of x, label"),
    ]:
        assert re.search(message, refused(words.split(), capsys)), words


def test_fit_writes_over_a_model_only_by_force(place, capsys):
    words = ["fit", "people.csv", "again", *TINY, "--set", "code_dim=2"]
    main(words)
    assert "saved in again" in capsys.readouterr().out
    kept = Path("again/model.safetensors").read_bytes()
    assert "--force" in refused(words, capsys)
    main([*words, "--force"])
    assert Path("again/model.safetensors").read_bytes() == kept
    main([*words, "--force", "--seed", "1"])
    assert Path("again/model.safetensors").read_bytes() != kept
    main(["fit", PHOTOS, "again", *TINY, "--set", *SMALL, "--force"])
    main(["sample", "again", "again.png", "-n", "1"])


def test_an_interrupted_fit_goes_on_where_it_was(place, capsys, monkeypatch):
    words = ["--steps", "6", "--set", *SMALL]
    main(["fit", PHOTOS, "whole", *words])
    stepped, step = [], loop._step

    def interrupt(*arguments):
        stepped.append(len(stepped))
        if len(stepped) == 3:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        said = refused(["fit", PHOTOS, "parts", *words], capsys, status=130)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "paramrel fit: stopped; the same command goes on where it was" in said
    main(["fit", PHOTOS, "parts", *words])
    assert len(stepped) == 6
    whole, parts = (Path(name, "model.safetensors").read_bytes() for name in ("whole", "parts"))
    assert whole == parts
