"""Nothing from outside runs code, writes outside its place, or reaches a page as code."""

import ast
import io
import pickle
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from paramrel.data import DATASETS, load_dataset
from paramrel.data.sets.cifar import BATCHES, read_cifar10
from paramrel.study.page import Exhibit, Section, write_report
from paramrel.study.params import load_params
from paramrel.study.results import write_figure

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("paramrel/**/*.py"), *ROOT.glob("benchmarks/*.py")])
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
CODE_RUNNERS = {
    "eval", "exec", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "pickle.Unpickler", "dill.load", "joblib.load", "marshal.loads", "shelve.open",
    "pd.read_pickle", "yaml.load", "yaml.full_load", "yaml.unsafe_load", "tempfile.mktemp",
    "shutil.unpack_archive", "torch.hub.load", "runpy.run_path",
}  # fmt: skip
WRITERS_OF_MEMBERS = {"extract", "extractall"}
UNSAFE_ARGUMENTS = {("allow_pickle", True), ("weights_only", False), ("shell", True),
                    ("verify", False)}  # fmt: skip


def calls(source):
    """Yield (name, keyword arguments that are literals) of every call of a text of Python."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            literals = {
                (k.arg, k.value.value) for k in node.keywords if isinstance(k.value, ast.Constant)
            }
            yield ast.unparse(node.func), literals


def offences(source):
    """Return the calls that could run what a file holds or write where an archive says."""
    found = []
    for name, arguments in calls(source):
        if name in CODE_RUNNERS or name.rsplit(".", 1)[-1] in WRITERS_OF_MEMBERS:
            found.append(name)
        if arguments & UNSAFE_ARGUMENTS:
            found.append(f"{name}({arguments})")
        if name == "torch.load" and ("weights_only", True) not in arguments:
            found.append(name)
        if name == "np.load" and ("allow_pickle", False) not in arguments:
            found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_calls_what_could_run_the_content_of_a_file(path):
    assert offences(path.read_text(encoding="utf-8")) == []


def test_the_scan_finds_what_it_looks_for():
    for line in (
        "eval(x)", "pickle.load(f)", "np.load(p)", "torch.load(p)", "yaml.load(t, L)",
        "np.load(p, allow_pickle=True)", "subprocess.run(c, shell=True)", "tar.extractall(p)",
        "torch.load(p, weights_only=False)",
    ):  # fmt: skip
        assert offences(line), line


class Payload:
    """Unpickled by a reader that lets it, it writes a file."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def write_cifar(folder, content):
    path = folder / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name in BATCHES:
            add(tar, f"cifar-10-batches-py/{name}", content)
    return path


def add(tar, name, content=b"", **changes):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    for field, value in changes.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(content))


def payloads(target):
    import os
    import subprocess

    return {
        "a builtin": Payload(exec, f"open({str(target)!r}, 'w')"),
        "a function of os": Payload(os.mkdir, str(target)),
        "a process": Payload(subprocess.getoutput, f"touch {target}"),
        "numpy's own": Payload(np.save, str(target), [1]),
        "an import": Payload(__import__, "antigravity"),
        "an attribute": Payload(getattr, "text", "upper"),
        "an evaluation": Payload(eval, f"open({str(target)!r}, 'w')"),
    }


@pytest.mark.parametrize("kind", payloads(""))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_would_run_code_is_refused_by_name_and_runs_nothing(tmp_path, kind, protocol):
    target = tmp_path / "target"
    harmful = payloads(target)[kind]
    for batch in (harmful, {b"data": np.zeros((2, 3072), np.uint8), b"labels": harmful}):
        path = write_cifar(tmp_path, pickle.dumps(batch, protocol))
        with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz is damaged .*it names "):
            read_cifar10(path)
        assert not target.exists()


def test_the_batches_are_read_as_python_2_wrote_them(tmp_path):
    def text(value):
        return b"U" + bytes([len(value)]) + value

    data = bytes(range(256)) * 12  # one image
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
        b"(K\x01(K\x01M\x00\x0ct"
        b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff"
        b"\xffJ\xff\xff\xff\xffK\x00tb\x89T" + len(data).to_bytes(4, "little") + data + b"tb"
    )
    batch = b"\x80\x02}(" + text(b"data") + array + text(b"labels") + b"](K\x07eu."
    original = read_cifar10(write_cifar(tmp_path, batch))
    images = np.concatenate(list(original.chunks))
    assert images.shape == (6, 3, 32, 32) and original.labels.tolist() == [7] * 6
    assert images[5].tobytes() == data


EVIL = ("../evil", "/paramrel-evil", "cifar-10-batches-py/../../evil", "..\\evil")


@pytest.fixture
def untouched(tmp_path, monkeypatch):
    """A working directory for the readers; afterwards nothing may lie there or beside it."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "files"
    assert [p for p in (tmp_path / "a").rglob("*") if p != inside] == []
    assert [p for p in tmp_path.rglob("*") if "evil" in p.name or p.is_symlink()] == []
    assert not Path("/paramrel-evil").exists()


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("kind", ["file", "symlink", "hardlink"])
def test_members_of_a_tar_never_leave_it(untouched, name, kind):
    untouched.mkdir()
    batch = {b"data": np.zeros((9, 3072), np.uint8), b"labels": list(range(9))}
    path = untouched / "cifar-10-python.tar.gz"
    links = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE}
    with tarfile.open(path, "w:gz") as tar:
        if kind == "file":
            add(tar, name, b"evil")
        for member in BATCHES:
            member = f"cifar-10-batches-py/{member}"
            if kind in links:  # the batch itself is what lies outside
                add(tar, member, type=links[kind], linkname=name)
            else:
                add(tar, member, pickle.dumps(batch))
    if kind == "file":
        assert read_cifar10(path).labels.tolist() == [*range(9)] * 6
    else:
        with pytest.raises(ValueError, match=r"cifar-10-python\.tar\.gz is damaged"):
            read_cifar10(path)


@pytest.mark.parametrize("name", EVIL)
def test_members_of_a_zip_never_leave_it(untouched, name, monkeypatch):
    untouched.mkdir()
    path = untouched / "text8.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "evil")
        archive.writestr("text8", "the quick brown fox " * 2000)
    source, reading = DATASETS["text8"]
    monkeypatch.setitem(DATASETS, "text8", (replace(source, files=()), reading))
    assert len(source.read(path).labels) > 100


def test_an_image_may_not_name_a_place_outside_its_folder(tmp_path):
    from paramrel.data.sets.celeba import ATTRIBUTES, read_celeba

    (tmp_path / "images").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    values = " ".join(["1"] * 40)
    attributes = f"1\n{' '.join(ATTRIBUTES)}\n../secret.jpg {values}\n"
    (tmp_path / "attributes").write_text(attributes)
    (tmp_path / "partition").write_text("../secret.jpg 0\n")
    with pytest.raises(ValueError, match=r"don't match: \.\./secret\.jpg is in only one"):
        read_celeba(tmp_path / "images", tmp_path / "attributes", tmp_path / "partition")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "digits; rm -rf ~", "$(id)", "digits\n", "<b>", "a" * 10_000]
)
def test_no_name_of_a_data_set_reaches_a_path_or_a_shell(tmp_path, name):
    with pytest.raises(ValueError, match="not one of"):
        load_dataset(name)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("datasets: [digits]", f"datasets: [{ascii_of(name)}]"))
    with pytest.raises(ValueError, match=r"datasets\.0 = "):
        load_params(path)


def ascii_of(name):
    return '"' + name.replace("\n", "\\n") + '"'


ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;"


def test_the_report_shows_names_as_text_whatever_they_hold(tmp_path):
    drawn, _ = plt.subplots()
    picture = tmp_path / "\"><script>'.png"
    write_figure(drawn, picture)
    plt.close(drawn)
    table = pd.DataFrame({"dataset": [ATTACK], ATTACK: [1.0]}, index=[ATTACK])
    path = tmp_path / "report.html"
    exhibits = [Exhibit(ATTACK, ATTACK, content, ATTACK) for content in (table, picture)]
    write_report(ATTACK, ATTACK, [Section(ATTACK, ATTACK, exhibits)], path)
    page = path.read_text(encoding="utf-8")
    assert page.count("<script") == 1, "the page has one script, its own"
    assert (
        "alert(1)</script>" not in page
        and "onerror=alert(1)>" not in page
        and "<img src=x" not in page
    )
    assert page.count("&lt;script&gt;") >= 6
    assert page.count("<img ") == 1


def test_yaml_never_makes_objects(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(f"datasets: !!python/object/apply:os.mkdir [{tmp_path}/target]")
    with pytest.raises(ValueError, match="the tag .*os.mkdir is not allowed"):
        load_params(path)
    assert not (tmp_path / "target").exists()
