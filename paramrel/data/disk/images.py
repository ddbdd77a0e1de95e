"""Image files as arrays: decoded, cropped, resized, in the order asked for."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

T = TypeVar("T")


DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


CAUGHT = (OSError, SyntaxError, Image.DecompressionBombError, Warning)  # what Pillow raises


def decode(content: bytes, color: str, size: int | None = None, crop: str = "center") -> np.ndarray:
    """Decode an image file's bytes to (C, H, W) uint8.

    color: "rgb" or "grey"; what is transparent lies on white. size: pixels of both sides, reached
    with antialiasing; None keeps the image as it is. crop: "center" cuts the largest centred square
    out first, "none" squeezes instead. Raises ValueError for what is no image of 8 bits.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            image.verify()  # checksums, where the format has them; it has to be opened again
        with Image.open(BytesIO(content)) as image:
            if image.mode in DEEP_MODES or any(map(_is_cut_off, image.tile)):
                raise ValueError(f"it has more than 8 bits a channel (mode {image.mode})")
            image = _opaque(ImageOps.exif_transpose(image), color)
    except UnidentifiedImageError as error:
        raise ValueError("it is no image") from error
    except CAUGHT as error:
        raise ValueError(f"it can't be decoded: {error}") from error
    if size:
        image = _center(image) if crop == "center" else image
        image = image.resize((size, size), Image.Resampling.LANCZOS)
    return to_array(image, color)


def to_array(image: Image.Image, color: str) -> np.ndarray:
    """Return an image as (C, H, W) uint8; what is transparent lies on white."""
    pixels = np.asarray(_opaque(image, color))
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _opaque(image: Image.Image, color: str) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB" if color == "rgb" else "L")


def _is_cut_off(tile: tuple) -> bool:
    """Whether Pillow makes 8 bits of more, which it says in no mode."""
    codec, _, _, arguments = tile
    return ";16" in str(arguments) or (codec.startswith("ppm") and arguments[1] > 255)


def _center(image: Image.Image) -> Image.Image:
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side))


def in_chunks(items: Sequence[T], read: Callable[[T], np.ndarray]) -> Iterator[np.ndarray]:
    """Yield arrays (n, ...) of what `read` makes of the items in order, in several threads.

    What Pillow would only warn of, such as damaged EXIF data, is an error here.
    """
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(items), 512):
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                chunk = np.stack(list(pool.map(read, items[start : start + 512])))
            yield chunk
