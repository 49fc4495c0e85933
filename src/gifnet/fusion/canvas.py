"""One plane of a request, read and written in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InvalidInputError
from ..geometry.region import Region
from ..imaging.arrays import Pixels, WritablePixels
from ..imaging.chroma_correction import ChromaCorrection
from ..imaging.missing import FILL_REACH, all_missing, fill, shares_of_all, shares_of_data
from ..imaging.source import Plane, SourcePlane
from ..options import Wanted
from .finish import chroma_pair, finish_plane
from .request import Request


@dataclass(frozen=True)
class PlaneSet:
    """The planes of all sources at an index of a request, without missing pixels.

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

    def _planes(self, region: Region) -> list[SourcePlane]:
        return self.request.planes(self.index, self.in_sources(region))

    def read(self, region: Region) -> Plane:
        """Return the planes of a region, (P, N, h, w) float32.

        The first of P planes is luminance in [0, 1]. If colour is decided by shares, Cb and Cr
        follow, centred at 0.
        """
        planes = self._planes(region)
        if all_missing([plane.valid for plane in planes]) is None:
            return self._filled(planes)
        # Missing pixels are filled from their surroundings, so read a margin.
        wide = region.expand_within(FILL_REACH, self.held or Region.of(*self.request.shape[-2:]))
        inner = region.relative_to(wide).slices
        return self._filled(self._planes(wide))[(..., *inner)]

    def _filled(self, planes: Sequence[SourcePlane]) -> Plane:
        first = planes[0].luminance
        count = 3 if self.request.by_shares else 1
        values = np.empty((count, len(planes), *first.shape), np.float32)
        for i, plane in enumerate(planes):
            values[0, i] = plane.luminance
            if self.request.by_shares:
                assert plane.chroma is not None
                values[1:, i] = np.moveaxis(plane.chroma, -1, 0)
        return fill(values, [plane.valid for plane in planes])

    def chroma(self, region: Region) -> tuple[Plane, Plane]:
        """Return the chroma of two coloured sources in a region, (h, w, 2)."""
        first, second = self._planes(region)
        return chroma_pair(first, second)

    def finish(
        self, region: Region, fused: Plane, shares: Plane | None
    ) -> tuple[npt.NDArray[np.generic], Plane | None, npt.NDArray[np.bool_] | None]:
        """Return a region of the result, its shares, and the pixels missing in all sources.

        Parameters
        ----------
        fused : (P, h, w) array
        shares : (1, h, w) or (N, h, w) array or None
            Those of the first source, or of all.

        Returns
        -------
        image : (h, w) or (h, w, C) array
        shares : (N, h, w) array or None
        missing : (h, w) bool array or None
        """
        if shares is not None:
            shares = shares_of_all(shares, len(self.request.sources))
        planes = self._planes(region) if self.request.needs_sources else []
        correction = None if self.correction is None else self.correction.part(region)
        image = finish_plane(self.request, fused, planes, correction)
        valid = [plane.valid for plane in planes]
        missing = all_missing(valid) if valid else None
        if missing is not None and image.dtype.kind == "f":
            image[missing] = np.nan
            if self.request.alpha_from is not None:
                image[missing, 3] = 0
        if shares is not None and valid:
            shares = shares_of_data(shares, valid)
        return image, shares, missing


@dataclass(frozen=True)
class Canvas:
    """The result of a request while it is being written.

    Attributes
    ----------
    image : array
    shares : float32 array or None
        The first source's shares, (..., H, W), or those of all, (N, ..., H, W), if requested.
    wanted : {"none", "first", "all"}
    missing : bool array or None
        The pixels missing in all sources, if the result is masked.
    """

    request: Request
    image: WritablePixels
    shares: WritablePixels | None
    wanted: Wanted
    missing: npt.NDArray[np.bool_] | None

    @classmethod
    def of(cls, request: Request, out: object, wanted: Wanted) -> Canvas:
        """Return an empty canvas, on `out` if it is given.

        Raises
        ------
        InvalidInputError
            If `out` has another shape or type than the result.
        """
        for_image, for_shares = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
        shape = request.shape + request.channels
        image = _place(for_image, shape, request.dtype, "result")
        own = for_image is None or (callable(for_image) and isinstance(image, np.ndarray))
        masked = request.is_masked and own
        shares = None
        if wanted != "none":
            of = request.shape if wanted == "first" else (len(request.sources), *request.shape)
            what = "mask" if wanted == "first" else "array of shares"
            shares = _place(for_shares, of, np.dtype(np.float32), what)
        missing = np.zeros(request.shape, bool) if masked else None
        return cls(request, image, shares, wanted, missing)

    def result(self) -> Pixels:
        """Return the image; masked if the source whose type it has is."""
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
    """Fill pixels that are missing in all sources.

    They are NaN in floats already; integers get the minimum of the result's range. Alpha is 0.
    """
    if missing is not None and result.dtype.kind != "f":
        result[missing] = request.output_limits[0]
        if result.shape[missing.ndim :] == (4,):
            result[missing, 3] = 0
    return result


@dataclass(frozen=True)
class CanvasPlane:
    """One plane of a canvas, to which the engine writes."""

    canvas: Canvas
    planes: PlaneSet

    def write(self, region: Region, image: Plane, share: Plane | None) -> None:
        """Write a fused region, in colour and in the result's range and type."""
        canvas = self.canvas
        inner = self.planes.in_sources(region).slices
        place: tuple[int | slice, ...] = (*self.planes.index, *inner)
        result, shares, missing = self.planes.finish(region, image, share)
        if canvas.missing is None:
            result = without_data(result, missing, self.planes.request)
        canvas.image[place] = result
        if canvas.shares is not None:
            assert shares is not None
            if canvas.wanted == "first":
                canvas.shares[place] = shares[0]
            else:
                canvas.shares[(slice(None), *place)] = shares
        if canvas.missing is not None and missing is not None:
            canvas.missing[place] = missing
