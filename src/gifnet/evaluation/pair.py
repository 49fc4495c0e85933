"""Pairs of images for methods and metrics: 8-bit planes, and pictures for the report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..imaging.colour import luminance
from ..io.files import read_images
from ..metrics.measure import enlarge

Array: TypeAlias = npt.NDArray[Any]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float64]
Slices: TypeAlias = tuple[slice, slice]

#: Images with more bands than this along their first axis are read as colour, if possible.
_MAX_BANDS = 16


def to_bytes(values: Array) -> Bytes:
    """Return values on the scale 0 to 255, clipped and rounded."""
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def grey(image: Bytes) -> Bytes:
    """Return the 8-bit BT.601 luminance of a grey or RGB image, rounded."""
    if image.ndim == 2:
        return image
    return to_bytes(luminance(image[..., :3].astype(np.float64)))


@dataclass(frozen=True)
class ImagePair:
    """One pair.

    Attributes
    ----------
    dataset, name : str
        The data set's name, and the files' common name without suffix.
    first, second : (H, W) or (H, W, 3) uint8 array
        Pictures for the report.
    planes : tuple of (first, second)
        (H, W) uint8 luminance; one entry, or one per band for pansharpening.
    fingerprint : str
        Hash of the files' bytes and of the crop.
    reference : (H, W) or (bands, H, W) float64 array, optional
        The ground truth on the scale of the planes.
    reference_picture : array, optional
        The ground truth as a picture for the report.
    ms : (bands, h, w) float64 array, optional
        The multispectral source at its own size, on the scale of the planes.
    task : str
        A preset of `gifnet.tasks.TASKS`, or "".
    limits : tuple of float
        The values of its bands that became 0 and 255.
    size : tuple of int
        Height and width of the files' images before the crop.
    cut : tuple of slice
        The crop.
    """

    dataset: str
    name: str
    first: Bytes
    second: Bytes
    planes: tuple[tuple[Bytes, Bytes], ...]
    fingerprint: str
    reference: Floats | None = None
    reference_picture: Bytes | None = None
    ms: Floats | None = None
    task: str = ""
    limits: tuple[float, float] = (0.0, 255.0)
    size: tuple[int, ...] = ()
    cut: Slices = (slice(None), slice(None))

    def adopt(self, path: Path) -> tuple[tuple[Bytes, ...], Bytes]:
        """Return the planes and the picture of a result that was made elsewhere.

        Raises
        ------
        InvalidInputError
            If its size, bands or type differ from the pair's.
        ReadError
            If the file cannot be read.
        """
        image = _read(path)
        rows, columns = self.cut
        if self.ms is None:
            picture = _picture(image, path)
            _check_size(path, picture.shape[:2], self.size)
            picture = np.ascontiguousarray(picture[rows, columns])
            return (grey(picture),), picture
        if image.ndim != 3 or len(image) != len(self.planes):
            raise InvalidInputError(
                f"{path} is {image.shape}; a result for {self.name!r} is a TIFF of "
                f"{len(self.planes)} bands."
            )
        _check_size(path, image.shape[1:], self.size)
        bands = to_bytes(_scaled(image[:, rows, columns], self.limits, path))
        return tuple(bands), bands_picture(bands)


def fingerprint(paths: Sequence[Path], crop: int) -> str:
    """Return 16 hexadecimal digits of a hash of files and their crop."""
    digest = hashlib.sha256(str(crop).encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def read_pair(dataset: str, name: str, paths: Sequence[Path], crop: int = 0) -> ImagePair:
    """Read a pair from its files.

    8-bit images are unchanged. Other images are stretched from their minimum and maximum to 0 and
    255. A multispectral first source (a TIFF of bands) is enlarged cubically to the size of the
    second, the PAN image. Its range is also used for the reference.

    Parameters
    ----------
    dataset, name : str
        The names of the data set and the pair.
    paths : sequence of path
        The first source, the second and, optionally, the reference.
    crop : int
        Crop longer sides to this many pixels in the middle; 0 keeps the whole image.

    Returns
    -------
    ImagePair

    Raises
    ------
    InvalidInputError
        If the images do not match.
    ReadError
        If a file cannot be read.
    """
    images = [_read(path) for path in paths]
    if _is_banded(images[0]):
        return _bands_pair(dataset, name, paths, images, crop)
    pictures = [_picture(image, path) for image, path in zip(images, paths, strict=True)]
    size = pictures[0].shape[:2]
    for path, picture in zip(paths, pictures, strict=True):
        _check_size(path, picture.shape[:2], size)
    cut = (_middle(size[0], crop), _middle(size[1], crop))
    pictures = [np.ascontiguousarray(picture[cut]) for picture in pictures]
    one, two, *truth = pictures
    return ImagePair(
        dataset,
        name,
        one,
        two,
        ((grey(one), grey(two)),),
        fingerprint(paths, crop),
        reference=grey(truth[0]).astype(np.float64) if truth else None,
        reference_picture=truth[0] if truth else None,
        size=size,
        cut=cut,
    )


def _bands_pair(
    dataset: str, name: str, paths: Sequence[Path], images: Sequence[Array], crop: int
) -> ImagePair:
    ms, pan, *truth = images
    size = pan.shape
    ratio = size[0] // ms.shape[1]
    if ratio < 1 or size != (ms.shape[1] * ratio, ms.shape[2] * ratio):
        raise InvalidInputError(
            f"{paths[1]} is {size}; the PAN image of {paths[0]} {ms.shape} is one plane whose "
            "sides are the same whole multiple of its sides."
        )
    coarse = tuple(_middle(side, crop // ratio) for side in ms.shape[1:])
    rows, columns = (slice(cut.start * ratio, cut.stop * ratio) for cut in coarse)
    limits = float(ms.min()), float(ms.max())
    low = _scaled(ms[:, coarse[0], coarse[1]], limits, paths[0])
    pan = pan[rows, columns]
    plane = to_bytes(_scaled(pan, (float(pan.min()), float(pan.max())), paths[1]))
    bands = to_bytes(enlarge(low, plane.shape))
    reference = None
    if truth:
        if truth[0].shape != (len(ms), *size):
            raise InvalidInputError(
                f"{paths[2]} is {truth[0].shape}; the reference of {paths[0]} has its {len(ms)} "
                f"bands at the size of the PAN image, {size}."
            )
        reference = _scaled(truth[0][:, rows, columns], limits, paths[2])
    return ImagePair(
        dataset,
        name,
        bands_picture(bands),
        plane,
        tuple((band, plane) for band in bands),
        fingerprint(paths, crop),
        reference=reference,
        reference_picture=None if reference is None else bands_picture(to_bytes(reference)),
        ms=low,
        limits=limits,
        size=size,
        cut=(rows, columns),
    )


def bands_picture(bands: Bytes) -> Bytes:
    """Return three bands as colour. Most sensors store blue, green, red, near-infrared."""
    if len(bands) < 3:
        picture: Bytes = bands[0]
    else:
        picture = np.ascontiguousarray(np.moveaxis(bands[2::-1], 0, -1))
    return picture


def _read(path: Path) -> Array:
    """Return (H, W), (H, W, 3) or, for bands, (bands, H, W)."""
    image = read_images(path)[0]
    data = np.asarray(image.data)
    if data.ndim not in (2, 3) or data.dtype.kind not in "buif":
        raise InvalidInputError(
            f"{path} is {data.dtype} of shape {data.shape}; an evaluated image is grey, RGB, or "
            "bands (bands, H, W)."
        )
    if image.channel_axis is not None:
        data = data[..., :3]
        # JPEGs of grey images have three equal channels.
        return data[..., 0] if (data == data[..., :1]).all() else data
    if data.ndim == 3 and data.shape[-1] <= min(_MAX_BANDS, *data.shape[:2]):
        data = np.moveaxis(data, -1, 0)  # a TIFF without axes
    return data


def _is_banded(image: Array) -> bool:
    return image.ndim == 3 and (image.shape[-1] != 3 or len(image) <= _MAX_BANDS)


def _picture(image: Array, path: Path) -> Bytes:
    if _is_banded(image):
        raise InvalidInputError(
            f"{path} has {len(image)} bands; only the first source, the reference and the results "
            "of pansharpening have bands."
        )
    if image.dtype == np.uint8:
        return image
    return to_bytes(_scaled(image, (float(image.min()), float(image.max())), path))


def _scaled(image: Array, limits: tuple[float, float], path: Path) -> Floats:
    low, high = limits
    if not np.isfinite(image).all():
        raise InvalidInputError(f"{path} has NaN or infinite pixels; fill them first.")
    scaled: Floats = (image.astype(np.float64) - low) * (255 / max(high - low, 1e-12))
    return scaled


def _middle(side: int, crop: int) -> slice:
    if not crop or side <= crop:
        return slice(0, side)
    start = (side - crop) // 2
    return slice(start, start + crop)


def _check_size(path: Path, found: Sequence[int], expected: Sequence[int]) -> None:
    if tuple(found) != tuple(expected):
        raise InvalidInputError(
            f"{path} is {tuple(found)} and its pair's first image {tuple(expected)}; resample "
            "them onto one grid first."
        )
