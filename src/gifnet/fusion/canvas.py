"""One plane of a request, read and written in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry.region import Region
from ..imaging.arrays import Pixels, WritablePixels
from ..imaging.chroma_correction import ChromaCorrection
from ..imaging.missing import FILL_REACH, both_missing, fill_pair, share_of_data
from ..imaging.source import Plane, SourcePlane
from .finish import chroma_pair, finish_plane
from .request import Request


@dataclass(frozen=True)
class PlanePair:
    """Both luminance planes at an index of a request, without missing pixels.

    Attributes
    ----------
    held : Region, optional
        The region of the plane that the request's sources contain; by default all of it.
    correction : ChromaCorrection, optional
        The network's correction of the plane's chroma, if there is one.
    """

    request: Request
    index: tuple[int, ...]
    held: Region | None = None
    correction: ChromaCorrection | None = None

    def in_sources(self, region: Region) -> Region:
        """Return a region of the plane in the coordinates of the sources."""
        return region if self.held is None else region.relative_to(self.held)

    def _planes(self, region: Region) -> tuple[SourcePlane, SourcePlane]:
        return self.request.planes(self.index, self.in_sources(region))

    def read(self, region: Region) -> tuple[Plane, Plane]:
        """Return both planes of a region, (h, w) float32 in [0, 1]."""
        first, second = self._planes(region)
        if both_missing(first.valid, second.valid) is None:
            return fill_pair(first.luminance, second.luminance, first.valid, second.valid)
        # Missing pixels are filled from their surroundings, so read a margin.
        wide = region.expand_within(FILL_REACH, self.held or Region.of(*self.request.shape[-2:]))
        first, second = self._planes(wide)
        filled = fill_pair(first.luminance, second.luminance, first.valid, second.valid)
        inner = region.relative_to(wide).slices
        return filled[0][inner], filled[1][inner]

    def chroma(self, region: Region) -> tuple[Plane, Plane]:
        """Return both sources' chroma in a region, (h, w, 2); both sources are coloured."""
        return chroma_pair(*self._planes(region))

    def finish(
        self, region: Region, fused: Plane, share: Plane | None
    ) -> tuple[npt.NDArray[np.generic], Plane | None, npt.NDArray[np.bool_] | None]:
        """Return a region of the result, its share, and the pixels missing in both sources."""
        first, second = self._planes(region)
        correction = None if self.correction is None else self.correction.part(region)
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
        The first source's share, if it is requested.
    missing : bool array or None
        The pixels missing in both sources, if the result is masked.
    """

    request: Request
    image: WritablePixels
    share: WritablePixels | None
    missing: npt.NDArray[np.bool_] | None

    @classmethod
    def of(cls, request: Request, out: object, want_share: bool) -> Canvas:
        """Return an empty canvas, on `out` if it is given.

        Raises
        ------
        InvalidInputError
            If `out` has another shape or type than the result.
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

    def result(self) -> Pixels:
        """Return the image; masked if the first source is."""
        if self.missing is None:
            return self.image
        spread = self.missing[..., None] if self.request.coloured else self.missing
        return np.ma.MaskedArray(self.image, np.broadcast_to(spread, self.image.shape))


def _place(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[np.generic], what: str
) -> WritablePixels:
    """Return an array to write into: a new one, or one from the caller."""
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
    place: WritablePixels = out
    return place


def without_data(
    result: npt.NDArray[np.generic], missing: npt.NDArray[np.bool_] | None, request: Request
) -> npt.NDArray[np.generic]:
    """Fill pixels that are missing in both sources.

    They are NaN in floats already; integers get the minimum of the first source's range.
    """
    if missing is not None and result.dtype.kind != "f":
        result[missing] = request.output_limits[0]
    return result


@dataclass(frozen=True)
class CanvasPlane:
    """One plane of a canvas, to which the engine writes."""

    canvas: Canvas
    pair: PlanePair

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        """Write a fused region, in colour and in the result's range and type."""
        canvas = self.canvas
        place: tuple[int | slice, ...] = (*self.pair.index, *self.pair.in_sources(region).slices)
        result, share, missing = self.pair.finish(region, image, share)
        if canvas.missing is None:
            result = without_data(result, missing, self.pair.request)
        canvas.image[place] = result
        if canvas.share is not None:
            assert share is not None
            canvas.share[place] = share
        if canvas.missing is not None and missing is not None:
            canvas.missing[place] = missing
