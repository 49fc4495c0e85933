"""Which images of a folder belong together: a bracket, a sequence of slices, a pair, or none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gifnet.errors import ReadError
from gifnet.io import Image, find_pair, read_images
from gifnet.io.pairs import images_in
from gifnet.tasks import words_of

#: More files than this that do not belong together are left to other readers.
_MANY_FILES = 9
#: Exposures of a bracket differ by at least this many stops in all.
_BRACKET_STOPS = 0.7
#: Larger sequences are read slice by slice when they are shown.
EAGER_BYTES = 512 * 2**20
_EXIF, _SECONDS, _APERTURE, _SPEED = 0x8769, 0x829A, 0x829D, 0x8827
_STOPS = re.compile(
    r"(?<![\d.])([+-]?\d+(?:\.\d+)?)\s*ev(?![a-z])|(?<![a-z])ev\s*([+-]?\d+(?:\.\d+)?)"
)
_BY_WORD = {
    -1: {"under", "underexposed", "dark", "short"},
    0: {"normal", "mid", "middle", "medium", "correct", "metered"},
    1: {"over", "overexposed", "bright", "long"},
}
_AXES = {
    "C": ("c", "ch", "chan", "channel", "w", "wavelength"),
    "T": ("t", "time", "frame", "timepoint"),
    "Z": ("z", "slice", "plane", "depth", "focus"),
}
#: Letters for axes without a known one, in this order.
_SPARE = "ZTQI"
#: Reads the images of a folder.
Opener = Callable[[], list[Image]]


@dataclass(frozen=True)
class _Sequence:
    """Files in natural order, and the axes along which they are numbered."""

    files: tuple[Path, ...]
    axes: str
    shape: tuple[int, ...]


def find_opener(folder: Path) -> Opener | None:
    """Return what opens the images of a folder, or None for a folder that others should open.

    A bracket and a pair open as one image per file, a sequence as one stack. A few other images
    open one by one.
    """
    if folder.suffix.lower() == ".zarr" or (folder / ".zattrs").exists():
        return None
    files = images_in(folder)
    if bracket := _in_order_of_exposure(files):
        return lambda: _one_by_one(bracket)
    if sequence := _find_sequence(files):
        return lambda: [_stack(folder.name, sequence)]
    try:
        pair = find_pair(folder)
    except (ReadError, OSError):
        return (lambda: _one_by_one(files)) if 0 < len(files) <= _MANY_FILES else None
    return lambda: _one_by_one(pair)


def _one_by_one(files: Sequence[Path]) -> list[Image]:
    return [image for file in files for image in read_images(file)[:1]]


def _in_order_of_exposure(files: Sequence[Path]) -> list[Path]:
    """Return the files of a bracket, the darkest first, or none if they are no bracket."""
    if not 2 <= len(files) <= _MANY_FILES:
        return []
    for find in (_exif_stops, _named_stops):
        stops = {file: find(file) for file in files}
        known = [value for value in stops.values() if value is not None]
        distinct = len(set(known)) == len(files)
        # Two files named after exposures are a pair, whose roles order it.
        enough = len(files) > 2 or find is _exif_stops
        if distinct and enough and max(known) - min(known) >= _BRACKET_STOPS:
            return sorted(files, key=lambda file: stops[file] or 0.0)
    return []


def _exif_stops(file: Path) -> float | None:
    """Return a photograph's exposure in stops, from its time, aperture and sensitivity."""
    import PIL.Image

    try:
        with PIL.Image.open(file) as picture:
            tags = picture.getexif().get_ifd(_EXIF)
        seconds = float(tags[_SECONDS])
        speed, aperture = tags.get(_SPEED), tags.get(_APERTURE)
        gain = float(np.ravel(speed)[0]) / 100 if speed else 1.0
        return math.log2(seconds * gain / (float(aperture) ** 2 if aperture else 1.0))
    # Damaged tags have values of any kind; the file may still be a picture.
    except Exception:
        return None


def _named_stops(file: Path) -> float | None:
    if found := _STOPS.search(file.stem.lower().replace("_", " ")):
        return float(found[1] or found[2])
    words = words_of(file.stem)
    return next((float(stop) for stop, names in _BY_WORD.items() if names & words), None)


def _find_sequence(files: Sequence[Path]) -> _Sequence | None:
    """Return files whose names differ in numbers only; two files are a pair instead."""
    if len(files) < 3:
        return None
    split = [re.split(r"(\d+)", file.name.lower()) for file in files]
    if len({tuple(parts[::2]) for parts in split}) > 1:
        return None
    numbers = np.array([[int(number) for number in parts[1::2]] for parts in split], object)
    varying = [i for i in range(numbers.shape[1]) if len(set(numbers[:, i])) > 1]
    sides = tuple(len(set(numbers[:, i])) for i in varying)
    if math.prod(sides) != len(files):
        varying, sides = varying[:1], (len(files),)
    letters = ""
    for column in varying:
        word = re.search(r"[a-z]*$", split[0][2 * column].rstrip("_- "))
        known = (axis for axis, words in _AXES.items() if word and word[0] in words)
        letter = next(known, None)
        spare = (axis for axis in _SPARE if axis not in letters)
        letters += letter if letter and letter not in letters else next(spare)
    return _Sequence(tuple(files), letters, sides)


def _stack(name: str, sequence: _Sequence) -> Image:
    """Return a sequence as one image, whose leading axes are those of the numbers."""
    first = _first(sequence.files[0])
    if first.data.nbytes * len(sequence.files) > EAGER_BYTES:
        data = _lazy_stack(sequence.files, first)
    else:
        pixels = [np.asarray(_alike(file, first)) for file in sequence.files]
        data = np.ma.stack(pixels) if any(map(np.ma.isMA, pixels)) else np.stack(pixels)
    data = data.reshape(sequence.shape + tuple(first.data.shape))
    axes = sequence.axes
    for axis in axes:
        if axis in first.axes:
            axes = axes.replace(axis, next(s for s in _SPARE if s not in axes + first.axes))
    lead = len(axes)
    return Image(
        data,
        axes + first.axes,
        (1.0,) * lead + first.scale,
        ("pixel",) * lead + first.units,
        (0.0,) * lead + first.translate,
        name,
        first.channel_names if "C" in first.axes else (),
        channel_colours=first.channel_colours,
    )


def _first(file: Path) -> Image:
    return read_images(file)[0]


def _alike(file: Path, first: Image) -> Any:
    """Return the pixels of a file.

    Raises
    ------
    ReadError
        If they do not fit the first file's.
    """
    data = _first(file).data
    if data.shape != first.data.shape or data.dtype != first.data.dtype:
        raise ReadError(
            f"{file.name} has shape {tuple(data.shape)} and type {data.dtype}, but the first image "
            f"of its folder {tuple(first.data.shape)} and {first.data.dtype}: they are no stack. "
            "Open the files one by one."
        )
    return data


def _lazy_stack(files: Sequence[Path], first: Image) -> Any:
    import dask.array as da
    from dask.delayed import delayed

    read = delayed(lambda file: np.asarray(_alike(file, first)), pure=True)
    shape, dtype = tuple(first.data.shape), first.data.dtype
    return da.stack([da.from_delayed(read(file), shape, dtype) for file in files])
