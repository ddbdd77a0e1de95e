"""FFHQ: 70,000 faces of 128×128 pixels, a folder that one has to download by hand."""

from pathlib import Path

import numpy as np

from paramrel.data.disk.download import File
from paramrel.data.disk.images import decode, in_chunks
from paramrel.data.source import Original, Source, blaming, undecided_before_test

TRAINING = 60_000  # the first, as its authors advise


def read_ffhq(folder: Path) -> Original:
    """Read the thumbnails, `00000.png` and so on in any subfolders; a tenth of 60,000 validates."""
    paths = sorted(folder.rglob("[0-9]*.png"), key=lambda path: path.stem)
    if [path.stem for path in paths] != [f"{i:05d}" for i in range(FFHQ.examples)]:
        raise ValueError(
            f"{folder} holds {len(paths)} numbered images, not 00000.png to {FFHQ.examples - 1}.png"
        )

    def read(path: Path) -> np.ndarray:
        with blaming(path):
            return decode(path.read_bytes(), "rgb")

    return Original(
        chunks=in_chunks(paths, read),
        labels=np.zeros(len(paths), dtype=np.uint8),
        split=undecided_before_test(TRAINING, len(paths) - TRAINING),
    )


FFHQ = Source(
    name="ffhq",
    examples=70_000,
    shape=(3, 128, 128),
    max_level=255,
    read=read_ffhq,
    files=(File("ffhq/thumbnails128x128", "", "https://github.com/NVlabs/ffhq-dataset"),),
    megabytes=1_950,
    shares=(0.9, 0.1, 0),
    url="https://github.com/NVlabs/ffhq-dataset",
    licence="CC BY-NC-SA 4.0; each image has its own",
    citation=(
        "T. Karras, S. Laine and T. Aila (2019). A Style-Based Generator Architecture for "
        "Generative Adversarial Networks. CVPR"
    ),
)
