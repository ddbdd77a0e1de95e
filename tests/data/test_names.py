"""What names a data set: in params.yaml, on the command line and in the names of files."""

import re
from itertools import combinations

import pytest

from paramrel.data import DATASETS, check_name, file_name, is_source

OWN = (
    "image_folder:photos",
    "image_folder:photos,size=16",
    "image_folder:photos-size-16",
    "image_folder:Photos",
    "image_folder:../../photos,size=8",
    "image_folder:/photos/data/photos",
    r"image_folder:C:\data\photos",
    "image_folder:~/Фото",
    "image_folder:写真",
    "image_folder:a b",
    "text:book.txt",
    "text:book.txt,lower",
    "text:book.txt,length=32,lower",
    "sequences:book.txt",
    "image_folder:" + 200 * "deep/" + "photos",
    "image_folder:" + 200 * "deep/" + "others",
    "Digits",
    "con",
    "nul",
    "com1",
    "..",
    ".",
    "",
    "x" * 300,
    "trailing.",
    "a\ud800b",
)


@pytest.mark.parametrize("name", DATASETS)
def test_files_about_a_set_of_the_registry_bear_its_name(name):
    assert file_name(name) == name and check_name(name) == name and not is_source(name)


@pytest.mark.parametrize("name", OWN)
def test_files_about_any_source_have_a_name_that_every_system_takes(name):
    made = file_name(name)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]{1,60}", made), made
    assert not re.fullmatch(r"(?i)con|prn|aux|nul|(com|lpt)\d", made)
    assert file_name(name) == made


def test_files_about_two_sources_never_share_a_name_where_capitals_do_not_count():
    names = [file_name(name).lower() for name in (*OWN, *DATASETS)]
    assert all(a != b for a, b in combinations(names, 2))


def test_the_readable_part_of_a_name_is_the_end_of_the_path():
    assert file_name("image_folder:photos,size=16").startswith("image_folder-photos-size-16-")


@pytest.mark.parametrize(
    "name",
    ["image_folder:photos,size=16", "image_folder:/nowhere/at/all", "text:a,lower", "sequences:a"],
)
def test_a_source_is_a_name_wherever_its_files_lie(name):
    assert check_name(name) == name and is_source(name)


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("minst", "'minst', not one of digits, .* did you mean 'mnist'"),
        ("image_folders:photos", "not one of digits, .* did you mean 'image_folder:PATH'"),
        ("image_folder:photos,size=big", "'size=big' in .* is no option"),
        ("image_folder:", "names no folder; write image_folder:PATH"),
        ("text8:book.txt", "not one of digits, "),
        ("text:", "names no file; write text:PATH"),
        ("text:,lower", "names no file"),
        ("text:a,lower=1", "'lower=1' in .* is no option; the options are length=SIGNS and lower"),
        ("text:a,length=0", "'length=0'"),
        ("text:a,length", "'length' in"),
        ("sequences:a,lower", "'lower' in .* is no option; the options are length=SIGNS alone"),
        ("sequences:", "names no file; write sequences:PATH"),
    ],
)
def test_a_misspelt_name_is_refused_with_what_would_do(name, cause):
    with pytest.raises(ValueError, match=cause):
        check_name(name)
