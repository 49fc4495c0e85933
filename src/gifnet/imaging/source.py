"""A source image: its axes, colour and missing pixels, one plane at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry.region import Region
from .arrays import Pixels, compute, is_dask, is_stored, lazy
from .colour import chroma, luminance
from .ranges import Range, normalise

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

#: Side of the parts in which a plane is searched for valid pixels.
_LOOK = 2048
#: Minimum side from which napari guesses RGB(A).
_RGB_SIDE = 30


@dataclass(frozen=True)
class SourcePlane:
    """One 2-D plane of a source, in [0, 1].

    Attributes
    ----------
    luminance : (H, W) float32
    chroma : (H, W, 2) float32 or None
        Centred Cb and Cr; None for grey sources.
    alpha : (H, W) or None
        In the source's own type.
    valid : (H, W) bool or None
        True where the pixel is valid; None if all are.
    """

    luminance: Plane
    chroma: npt.NDArray[np.float32] | None
    alpha: npt.NDArray[np.generic] | None
    valid: Mask | None


@dataclass(frozen=True)
class Source:
    """A source image whose channel axis, if any, is the last one.

    Attributes
    ----------
    data : array
        (..., H, W) or (..., H, W, C) with 3 or 4 channels; NumPy, masked, dask or zarr.
    coloured : bool
        Whether the last axis holds RGB(A).
    name : str
        "first" or "second", for messages.
    """

    data: Pixels
    coloured: bool
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the planes, leading axes first: (..., H, W)."""
        return tuple(self.data.shape[:-1] if self.coloured else self.data.shape)

    @property
    def has_alpha(self) -> bool:
        return self.coloured and self.data.shape[-1] == 4

    @property
    def dtype(self) -> np.dtype[np.generic]:
        found: np.dtype[np.generic] = np.dtype(self.data.dtype)
        return found

    @property
    def intensities(self) -> Pixels:
        """The data for the value range: everything except alpha."""
        if not self.has_alpha:
            return self.data
        return lazy(self.data)[..., :3]

    @property
    def may_have_missing(self) -> bool:
        """Whether pixels may be missing: in floats, and in arrays with a mask or alpha."""
        masked = self.is_masked or is_dask(self.data)
        return self.dtype.kind == "f" or masked or self.has_alpha

    @property
    def is_masked(self) -> bool:
        # The type of a dask array's chunks is in its meta.
        return isinstance(getattr(self.data, "_meta", self.data), np.ma.MaskedArray)

    def array(self, index: tuple[int, ...], region: Region | None = None) -> Pixels:
        """Return a plane or a region of it as stored, lazy if the source is lazy."""
        return self.data[(*index, ...) if region is None else (*index, *region.slices)]

    def _values(
        self, index: tuple[int, ...], region: Region | None
    ) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic] | None]:
        """Return the values of a region of a plane, and its alpha."""
        values = compute(self.array(index, region))
        if not self.has_alpha:
            return values, None
        return values[..., :3], np.ma.getdata(values[..., 3])

    def has_data(self, index: tuple[int, ...] = ()) -> bool:
        """Return whether a plane has any finite pixel."""
        if not self.may_have_missing:
            return True
        height, width = self.shape[-2:]
        for top in range(0, height, _LOOK):
            for left in range(0, width, _LOOK):
                region = Region(top, left, top + _LOOK, left + _LOOK)
                valid = self._valid(*self._values(index, region))
                if valid is None or valid.any():
                    return True
        return False

    def no_data(self, index: tuple[int, ...]) -> InvalidInputError:
        """Return the error for a plane without valid pixels."""
        where = f" at plane {index}" if index else ""
        return InvalidInputError(
            f"The {self.name} image has no finite pixel{where}: there is nothing to fuse. "
            "Leave the plane out or fill it first."
        )

    def require_data(self, index: tuple[int, ...]) -> None:
        """Refuse a plane without a single finite pixel.

        Raises
        ------
        InvalidInputError
            If there is none.
        """
        if not self.has_data(index):
            raise self.no_data(index)

    def plane(
        self, index: tuple[int, ...], limits: Range, region: Region | None = None
    ) -> SourcePlane:
        """Return the plane at an index of the leading axes, or a region of it."""
        values, alpha = self._values(index, region)
        valid = self._valid(values, alpha)
        values = normalise(np.ma.getdata(values), limits)
        if not self.coloured:
            return SourcePlane(values, None, alpha, valid)
        y = luminance(values)
        return SourcePlane(y, chroma(values, y), alpha, valid)

    def _valid(
        self, values: npt.NDArray[np.generic], alpha: npt.NDArray[np.generic] | None
    ) -> Mask | None:
        valid: Mask | None = None
        if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
            valid = ~np.ma.getmaskarray(values)
        if values.dtype.kind == "f":
            finite = np.isfinite(np.ma.getdata(values))
            if not finite.all():
                valid = finite if valid is None else valid & finite
        if valid is not None and self.coloured:
            valid = np.asarray(valid.all(axis=-1))
        if alpha is not None and not alpha.all():
            seen = alpha != 0  # transparent pixels have no data
            valid = seen if valid is None else valid & seen
        return valid


def as_array(image: object, name: str) -> Pixels:
    """Return an image as a NumPy, masked, dask or zarr array of numbers.

    Raises
    ------
    InvalidInputError
        If it is no image: no array, of no numeric type, or empty.
    """
    if image is None or isinstance(image, (str, bytes, dict, set)):
        hint = " Read the file first." if isinstance(image, str) else ""
        raise InvalidInputError(
            f"The {name} image is {type(image).__name__} {_short(image)}, not an array.{hint}"
        )
    if not (isinstance(image, np.ndarray) or is_dask(image) or is_stored(image)):
        try:
            image = np.asarray(image)
        except Exception as error:
            raise InvalidInputError(
                f"The {name} image ({type(image).__name__}) cannot be turned into an array: {error}"
            ) from error
    dtype = np.dtype(image.dtype)
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise InvalidInputError(
            f"The {name} image has type {dtype}; convert it to a boolean, integer or "
            "floating-point type of at most 64 bits."
        )
    if not dtype.isnative and isinstance(image, np.ndarray):
        image = image.astype(dtype.newbyteorder("="))
    if image.ndim < 2:
        raise InvalidInputError(
            f"The {name} image has shape {tuple(image.shape)}; at least two axes are needed."
        )
    if 0 in image.shape:
        raise InvalidInputError(f"The {name} image is empty: its shape is {tuple(image.shape)}.")
    return image


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def read_sources(
    images: Mapping[str, object], channel_axis: int | Literal["auto"] | None
) -> tuple[Source, ...]:
    """Return the sources of a request, of one plane size.

    Parameters
    ----------
    images : dict of str to array
        The images by their names in messages.
    channel_axis : int, None or "auto"
        The axis of the RGB(A) channels. "auto" takes a last axis of 3 or 4 as channels in uint8
        images whose other sides are longer than 30 pixels, as napari does. An explicit axis
        applies to every image with 3 or 4 entries there. If that gives a grey and a coloured
        image of one plane size, the grey one has one axis fewer.

    Raises
    ------
    InvalidInputError
        If an image is no image, or the planes differ in size.
    """
    arrays = {name: as_array(image, name) for name, image in images.items()}
    if channel_axis == "auto":
        sources = tuple(
            Source(array, _guess_coloured(array, name), name) for name, array in arrays.items()
        )
    elif channel_axis is None:
        sources = tuple(Source(array, False, name) for name, array in arrays.items())
    else:
        sources = _explicit(arrays, channel_axis)
    for source in sources:
        if source.shape[-2] * source.shape[-1] < 2:
            raise InvalidInputError(
                f"The {source.name} image has planes of one pixel (shape "
                f"{tuple(source.data.shape)}); there is nothing to fuse."
            )
    if len({source.shape[-2:] for source in sources}) > 1:
        sizes = " and ".join(
            f"{s.name} {s.shape[-2]} x {s.shape[-1]} (shape {tuple(s.data.shape)})" for s in sources
        )
        raise InvalidInputError(
            f"The images differ in height or width: {sizes}. Resample one onto the other's grid, "
            "or pass channel_axis if an axis holds colour channels."
        )
    return sources


def _guess_coloured(array: Pixels, name: str) -> bool:
    if array.ndim < 3 or array.shape[-1] not in (3, 4):
        return False
    if array.dtype == np.uint8:
        return bool(min(array.shape[-3:-1]) > _RGB_SIDE)
    raise InvalidInputError(
        f"The {name} image has shape {tuple(array.shape)} and type {array.dtype}: pass "
        "channel_axis=-1 if its last axis holds RGB(A) channels, or channel_axis=None if it is "
        "grey."
    )


def _explicit(arrays: dict[str, Pixels], axis: int) -> tuple[Source, ...]:
    """Move the channel axis last in every image that has one."""

    def coloured(name: str, array: Pixels) -> Source | None:
        if (
            array.ndim < 3
            or not -array.ndim <= axis < array.ndim
            or array.shape[axis] not in (3, 4)
        ):
            return None
        last = axis in (-1, array.ndim - 1)
        if not last and not hasattr(array, "transpose"):
            raise InvalidInputError(
                f"The {name} image has its channels at axis {axis} of shape {tuple(array.shape)}; "
                "wrap it with dask.array.from_zarr or read it into memory first."
            )
        moved = array if last else _move_last(array, axis)
        return Source(moved, True, name)

    candidates = {name: coloured(name, array) for name, array in arrays.items()}
    grey = {name: Source(array, False, name) for name, array in arrays.items()}
    if not any(candidates.values()):
        shapes = " and ".join(str(tuple(array.shape)) for array in arrays.values())
        raise InvalidInputError(
            f"channel_axis is {axis}, but shape {shapes} has no 3 or 4 channels there."
        )
    best = tuple(candidates[name] or grey[name] for name in arrays)
    if len({source.shape[-2:] for source in best}) > 1:
        # One of them may have a side of 3 or 4 by chance: let the plane sizes decide.
        for name in arrays:
            mixed = tuple(grey[n] if n == name else (candidates[n] or grey[n]) for n in arrays)
            if len({source.shape[-2:] for source in mixed}) == 1:
                return mixed
    return best


def _move_last(array: Any, axis: int) -> Any:
    order = [i for i in range(array.ndim) if i != axis % array.ndim]
    return array.transpose(*order, axis % array.ndim)
