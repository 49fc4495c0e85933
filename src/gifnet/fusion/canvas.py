"""One plane of a request, read and written by parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..imaging.chroma_correction import ChromaCorrection
from ..imaging.missing import FILL_REACH, both_missing, fill_pair, share_of_data
from ..imaging.source import Plane, Slices
from .finish import chroma_pair, finish_plane
from .request import Request


class Rectangle(Protocol):
    """A region of a plane, half open, in pixels."""

    @property
    def top(self) -> int: ...
    @property
    def left(self) -> int: ...
    @property
    def bottom(self) -> int: ...
    @property
    def right(self) -> int: ...


@dataclass(frozen=True)
class PlanePair:
    """Both luminance planes at an index of a request, without holes.

    Attributes
    ----------
    origin : (int, int)
        Row and column of the plane at which the request's sources begin, if they hold only a
        part of it.
    correction : ChromaCorrection, optional
        Of the plane's chroma, where a network decides about it.
    """

    request: Request
    index: tuple[int, ...]
    origin: tuple[int, int] = (0, 0)
    correction: ChromaCorrection | None = None

    def part(self, region: Rectangle) -> Slices:
        """Return a region of the plane as slices of the sources."""
        top, left = self.origin
        return (
            slice(region.top - top, region.bottom - top),
            slice(region.left - left, region.right - left),
        )

    def read(self, region: Rectangle) -> tuple[Plane, Plane]:
        """Return both planes of a region, (h, w) float32 in [0, 1]."""
        rows, columns = self.part(region)
        first, second = self.request.planes(self.index, (rows, columns))
        if both_missing(first.valid, second.valid) is None:
            return fill_pair(first.luminance, second.luminance, first.valid, second.valid)
        # What is missing comes from around: look further.
        top, left = (max(0, side.start - FILL_REACH) for side in (rows, columns))
        wide = (slice(top, rows.stop + FILL_REACH), slice(left, columns.stop + FILL_REACH))
        first, second = self.request.planes(self.index, wide)
        filled = fill_pair(first.luminance, second.luminance, first.valid, second.valid)
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        return filled[0][inner], filled[1][inner]

    def chroma(self, region: Rectangle) -> tuple[Plane, Plane]:
        """Return both sources' chroma in a region, (h, w, 2); both sources are coloured."""
        return chroma_pair(*self.request.planes(self.index, self.part(region)))

    def finish(
        self, region: Rectangle, fused: Plane, share: Plane | None
    ) -> tuple[npt.NDArray[Any], Plane | None, npt.NDArray[np.bool_] | None]:
        """Return a region of the result, its share, and where neither source has data."""
        first, second = self.request.planes(self.index, self.part(region))
        correction = None
        if self.correction is not None:
            rows, columns = slice(region.top, region.bottom), slice(region.left, region.right)
            correction = self.correction.part(rows, columns)
        image = finish_plane(self.request, fused, first, second, correction)
        missing = both_missing(first.valid, second.valid)
        if missing is not None and image.dtype.kind == "f":
            image[missing] = np.nan
        if share is not None:
            share = share_of_data(share, first.valid, second.valid)
        return image, share, missing


@dataclass(frozen=True)
class Canvas:
    """The result of a request while it is being written.

    Attributes
    ----------
    image : array
    share : float32 array or None
        The first source's share, if it is wanted.
    missing : bool array or None
        Where neither source has data, if the result is masked.
    """

    request: Request
    image: Any
    share: Any
    missing: npt.NDArray[np.bool_] | None

    @classmethod
    def of(cls, request: Request, out: Any, want_share: bool) -> Canvas:
        """Return an empty canvas, on `out` if it is given.

        Raises
        ------
        InvalidInputError
            If `out` does not suit the result.
        """
        for_image, for_share = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        shape = request.shape + request.channels
        image = _place(for_image, shape, request.first.dtype, "result")
        own = for_image is None or (callable(for_image) and isinstance(image, np.ndarray))
        masked = request.is_masked and own
        return cls(
            request,
            image,
            _place(for_share, request.shape, np.dtype(np.float32), "mask") if want_share else None,
            np.zeros(request.shape, bool) if masked else None,
        )

    def result(self) -> Any:
        """Return the image; masked if the first source is."""
        if self.missing is None:
            return self.image
        spread = self.missing[..., None] if self.request.coloured else self.missing
        return np.ma.MaskedArray(self.image, np.broadcast_to(spread, self.image.shape))


def _place(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], what: str) -> Any:
    """Return an array to write into: a new one, the caller's, or of the caller's making."""
    if out is None:
        return np.empty(shape, dtype)
    if callable(out):
        out = out(shape, dtype)
    found = tuple(getattr(out, "shape", ())), getattr(out, "dtype", type(out))
    if found[0] != shape or found[1] != dtype:
        raise InvalidInputError(
            f"out has shape {found[0]} and type {found[1]}; the {what} has shape {shape} and type "
            f"{dtype}. Create it so."
        )
    return out


def without_data(
    result: npt.NDArray[Any], missing: npt.NDArray[np.bool_] | None, request: Request
) -> npt.NDArray[Any]:
    """Return a result that says by its values where no source has data, for want of a mask.

    That is NaN in floats already; integers get the first source's least value.
    """
    if missing is not None and result.dtype.kind != "f":
        result[missing] = request.output_limits[0]
    return result


@dataclass(frozen=True)
class CanvasPlane:
    """One plane of a canvas, as the engine writes it."""

    canvas: Canvas
    pair: PlanePair

    def write(self, region: Rectangle, image: Plane, share: Plane | None) -> None:
        """Write a fused region, in colour and in the result's range and type."""
        canvas = self.canvas
        place: tuple[int | slice, ...] = (*self.pair.index, *self.pair.part(region))
        result, share, missing = self.pair.finish(region, image, share)
        if canvas.missing is None:
            result = without_data(result, missing, self.pair.request)
        canvas.image[place] = result
        if canvas.share is not None:
            canvas.share[place] = share
        if canvas.missing is not None and missing is not None:
            canvas.missing[place] = missing
