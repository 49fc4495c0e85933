"""Pansharpening: a sharp panchromatic image and coarse bands make sharp bands.

Images are processed in strips of rows, and the caller decides where planes of full size are
stored. So scenes may be larger than memory.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import fusion
from ..errors import InvalidInputError
from ..geometry import Grid, resample, working_type
from ..imaging.arrays import Pixels, as_float_with_nan, lazy, with_missing
from ..imaging.histogram import Histogram
from ..imaging.ranges import (
    Range,
    RangeSpec,
    range_of_parts,
    resolve_range,
    split_range_spec,
    to_type,
)
from ..imaging.source import as_array
from ..options import PANSHARPEN_CHOICES, FuseOptions
from ..progress import Progress, Reporter
from ..validation import require_choice
from .component_substitution import Statistics, brovey, gram_schmidt

_CLASSICAL = {"brovey": brovey, "gram-schmidt": gram_schmidt}
#: Standard deviation in pixels of the 3 x 3 Gaussian that separates base and detail.
_SIGMA = 0.5

#: Margin of coarse pixels for the cubic spline of a part. Pixels beyond weigh less than 1e-9.
_SPLINE_REACH = 16
#: Number of pixels per strip, of all bands together.
_STRIP_PIXELS = 2**23

Floats = npt.NDArray[np.floating]
#: Makes an array from its shape and type.
Make: TypeAlias = Callable[[tuple[int, ...], npt.DTypeLike], npt.NDArray[Any]]


def pansharpen(
    pan: object,
    ms: Any,
    *,
    method: str = "gifnet",
    band_axis: int = 0,
    pan_grid: Grid | None = None,
    ms_grid: Grid | None = None,
    match_histograms: bool = True,
    progress: Progress = None,
    scratch: Make = np.empty,
    options: FuseOptions | None = None,
    fuser: fusion.Fuser | None = None,
    **overrides: Any,
) -> npt.NDArray[Any]:
    """Sharpen the bands of a multispectral image with a panchromatic one.

    Parameters
    ----------
    pan : (H, W) array
        The panchromatic image. Further axes of length 1 are ignored.
    ms : (B, h, w) array, or with the bands along `band_axis`
        The multispectral image, or a single band, (h, w).
    method : {"gifnet", "brovey", "gram-schmidt"}
        The network, band by band, or a classical method.
    band_axis : int
        The axis of the bands.
    pan_grid, ms_grid : Grid, optional
        Positions of both images in common world coordinates, in any unit. By default both cover
        the same area, and the ratio of their sizes may be any number.
    match_histograms : bool
        For the network: give the base of the result the histogram of the band, as published.
    progress : callable or progress bar, optional
        As in `gifnet.fuse`; two units per band.
    scratch : callable
        A function of (shape, dtype) that makes the arrays of PAN's size: the result, the resampled
        bands, and one more plane for the network. For scenes larger than memory, pass one that
        makes memory maps.
    options : FuseOptions, optional
        For the network. `value_range` may be a pair, for `ms` and `pan`; "auto" and "dtype" use
        their types. `overshoot` limits the output of the network. Matching histograms may exceed
        it again.
    fuser : Fuser, optional
        A loaded network. Its options replace `options`.
    **overrides
        Single options for the network by name, as in `gifnet.fuse`; not with `fuser`.

    Returns
    -------
    (B, H, W) array, with the bands along `band_axis`
        Has the type of `ms` and the grid of PAN. Where either image is missing, floats are NaN
        and integers are masked.

    Raises
    ------
    InvalidInputError
        If an image or option cannot be used, or the images do not overlap.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    Bands are resampled onto PAN's grid by cubic splines. The network fuses (band, PAN), each in
    its own range before resampling. Then, as in the release of Cheng et al. (CVPR 2025), base is a
    3 x 3 Gaussian of the result with sigma 0.5, and detail = result - base. The band is detail +
    base with the histogram of the resampled band.
    """
    require_choice("method", method, PANSHARPEN_CHOICES)
    if overrides and (fuser is not None or method in _CLASSICAL):
        whose = f"{method!r} has no options" if fuser is None else "The fuser has its own options"
        raise InvalidInputError(
            f"{whose}, so {sorted(overrides)} would not count; leave them out, or call "
            "pansharpen(..., method='gifnet') without a fuser."
        )
    network = None
    if method not in _CLASSICAL:
        network = fuser or fusion.Fuser(options, **{"task": "pansharpen", **overrides})
        specs = split_range_spec(network.options.value_range)
    sharp, bands = _plane(pan), _Bands.of(ms, band_axis)
    grids = _grids(sharp.shape, bands.shape, pan_grid, ms_grid)
    reporter = Reporter(progress)
    reporter.expect(2 * bands.count)
    size = (bands.count, *sharp.shape)
    fine = scratch(size, working_type(bands.dtype))
    missing = _bring(bands, grids, fine, sharp, scratch, reporter)
    image = scratch(size, bands.dtype)
    scene = _Scene(sharp, fine, missing, image)
    if network is None:
        statistics = Statistics()
        for rows in scene.strips():
            statistics.add(scene.bands(rows), scene.pan(rows))
            reporter.check()
        for rows in scene.strips():
            scene.finish(rows, _CLASSICAL[method](scene.bands(rows), scene.pan(rows), statistics))
            reporter.check()
        reporter.advance(bands.count)
    else:
        plane = scratch(sharp.shape, working_type(bands.dtype))
        pan_limits = _or_auto(resolve_range(sharp, specs[1]))
        with nullcontext() if fuser else network:
            for index in range(bands.count):
                # Resampled bands are floats, whose type does not imply their range.
                limits = _or_auto(bands.limits(index, specs[0])), pan_limits
                band_fuser = network.with_options(
                    channel_axis=None, chroma="auto", value_range=limits
                )
                band_fuser.fuse(fine[index], sharp, out=plane, progress=lambda *_: reporter.check())
                _finish_band(scene, index, plane, match_histograms)
                reporter.advance()
    return _as_given(image, missing, np.ndim(ms) == 2, band_axis)


@dataclass(frozen=True, eq=False)
class _Bands:
    """The bands of MS as they are stored.

    Attributes
    ----------
    data : array
        (h, w), or with the bands along `axis`.
    axis : int or None
        None for a single band.
    """

    data: Pixels
    axis: int | None

    @classmethod
    def of(cls, ms: object, axis: int) -> _Bands:
        data = as_array(ms, "MS")
        if data.ndim == 2:
            return cls(data, None)
        try:
            place = operator.index(axis)
        except TypeError:
            place = data.ndim
        if data.ndim != 3 or not -3 <= place < 3:
            raise InvalidInputError(
                f"MS has shape {tuple(data.shape)} and band_axis is {axis!r}; give bands, "
                "(B, h, w), or the axis that they are along, an integer."
            )
        return cls(data, place % 3)

    @property
    def count(self) -> int:
        return 1 if self.axis is None else int(self.data.shape[self.axis])

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(side for axis, side in enumerate(self.data.shape) if axis != self.axis)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        found: np.dtype[np.generic] = np.dtype(self.data.dtype)
        return found

    def part(self, index: int, rows: slice, columns: slice) -> npt.NDArray[np.float64]:
        place: list[int | slice] = [rows, columns]
        if self.axis is not None:
            place.insert(self.axis, index)
        return _filled(self.data[tuple(place)])

    def limits(self, index: int, spec: RangeSpec) -> Range:
        """Return the values of a band that map to 0 and 1 in the network."""
        measured = isinstance(spec, str) and spec == "auto"
        if not measured or self.dtype in (np.uint8, np.bool_):
            return resolve_range(self.data, spec)
        strips = _strips((1, *self.shape))
        return range_of_parts(self.part(index, rows, slice(None)) for rows in strips)


@dataclass(frozen=True, eq=False)
class _Scene:
    """PAN, the bands on its grid, the pixels missing in either, and the result."""

    sharp: Pixels
    fine: Floats
    missing: npt.NDArray[np.bool_]
    image: npt.NDArray[np.generic]

    def strips(self) -> Iterator[slice]:
        return _strips(self.fine.shape)

    def bands(self, rows: slice) -> npt.NDArray[np.float64]:
        return np.asarray(self.fine[:, rows], np.float64)

    def pan(self, rows: slice) -> npt.NDArray[np.float64]:
        return _filled(self.sharp[rows])

    def finish(self, rows: slice, bands: Floats, index: slice | int = slice(None)) -> None:
        """Write bands into the result, in its type."""
        dtype, missing = self.image.dtype, self.missing[rows]
        blank = np.nan if dtype.kind == "f" else 0
        self.image[index, rows] = to_type(np.where(missing, blank, bands), dtype)


def _strips(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield strips of rows of (B, H, W) arrays."""
    at_once = max(1, _STRIP_PIXELS // (shape[0] * shape[2]))
    for start in range(0, shape[1], at_once):
        yield slice(start, min(shape[1], start + at_once))


def _bring(
    bands: _Bands,
    grids: tuple[Grid, Grid],
    fine: Floats,
    sharp: Pixels,
    scratch: Make,
    reporter: Reporter,
) -> npt.NDArray[np.bool_]:
    """Resample the bands onto PAN's grid, and return the pixels missing in them or in PAN."""
    missing: npt.NDArray[np.bool_] = scratch(fine.shape[1:], bool)
    apart = None
    for rows in _strips(fine.shape):
        missing[rows] = np.isnan(_filled(sharp[rows]))
    for index in range(bands.count):
        for rows in _strips(fine.shape):
            try:
                fine[index, rows] = _resampled(bands, index, grids, rows)
            except InvalidInputError as error:
                apart = error
                fine[index, rows] = np.nan
            missing[rows] |= np.isnan(fine[index, rows])
            reporter.check()
        reporter.advance()
    if all(missing[rows].all() for rows in _strips(fine.shape)):
        raise apart or InvalidInputError("PAN and MS have no pixel that is valid in both.")
    return missing


def _resampled(bands: _Bands, index: int, grids: tuple[Grid, Grid], rows: slice) -> Floats:
    """Return rows of a band on PAN's grid, from the needed part of the band."""
    target, source = _rows_of(grids[0], rows), grids[1]
    corners = np.array(
        [[y, x, 1] for y in (0, target.shape[0] - 1) for x in (0, target.shape[1] - 1)]
    )
    to_source = target.to_indices_of(source)
    places = corners @ to_source.T
    margin = _SPLINE_REACH + int(np.ceil(2 * np.abs(to_source[:2, :2]).sum(axis=1).max()))
    starts, stops = [], []
    for low, high, side in zip(
        places.min(axis=0)[:2], places.max(axis=0)[:2], source.shape, strict=True
    ):
        starts.append(int(np.clip(np.floor(low) - margin, 0, side - 1)))
        stops.append(int(np.clip(np.ceil(high) + margin + 1, 1, side)))
    shift = np.eye(3)
    shift[:2, 2] = starts
    part = bands.part(index, slice(starts[0], stops[0]), slice(starts[1], stops[1]))
    if np.isnan(part).all():
        return np.full(target.shape, np.nan)
    return resample(part, Grid(part.shape, source.matrix @ shift), target, order=3)


def _rows_of(grid: Grid, rows: slice) -> Grid:
    shift = np.eye(3)
    shift[0, 2] = rows.start
    return Grid((rows.stop - rows.start, grid.shape[1]), grid.matrix @ shift)


def _finish_band(scene: _Scene, index: int, fused: Floats, match_histograms: bool) -> None:
    """Write a fused band into the result, with the band's histogram in its base."""
    if not match_histograms:
        for rows in scene.strips():
            scene.finish(rows, fused[rows], index)
        return
    band = scene.fine[index]
    wanted, own = Histogram(), Histogram()
    for step in (Histogram.widen, Histogram.count):
        for rows in scene.strips():
            valid = ~scene.missing[rows]
            step(wanted, band[rows][valid])
            step(own, _base(fused, scene.missing, rows)[valid])
    for rows in scene.strips():
        base = _base(fused, scene.missing, rows)
        scene.finish(rows, fused[rows] + wanted.values(own.quantiles(base)) - base, index)


def _base(fused: Floats, missing: npt.NDArray[np.bool_], rows: slice) -> npt.NDArray[np.float64]:
    """Return rows of the base of a plane, without the influence of missing pixels."""
    from scipy.ndimage import gaussian_filter

    around = slice(max(0, rows.start - 1), rows.stop + 1)
    valid = ~missing[around]
    values = np.where(valid, fused[around], 0).astype(np.float64)
    weight = gaussian_filter(valid.astype(np.float64), _SIGMA, radius=1, mode="reflect")
    base = gaussian_filter(values, _SIGMA, radius=1, mode="reflect") / np.maximum(weight, 1e-12)
    start = rows.start - around.start
    return np.asarray(base[start : start + rows.stop - rows.start])


def _plane(pan: object) -> Pixels:
    """Return PAN as one plane."""
    plane = as_array(pan, "PAN")
    shape = tuple(plane.shape)
    extra = [axis for axis, side in enumerate(shape) if side == 1][: len(shape) - 2]
    if len(extra) < len(shape) - 2:
        raise InvalidInputError(f"PAN has shape {shape}; give one plane, (H, W).")
    if not extra:
        return plane
    return lazy(plane)[tuple(0 if axis in extra else slice(None) for axis in range(len(shape)))]


def _or_auto(limits: Range) -> Range | str:
    """Return limits, or "auto" for a constant image."""
    return limits if limits[0] < limits[1] else "auto"


def _filled(values: Pixels) -> npt.NDArray[np.float64]:
    """Return floats, NaN where pixels are missing."""
    filled = as_float_with_nan(values)
    return np.where(np.isfinite(filled), filled, np.nan)


def _grids(
    sharp: tuple[int, ...], coarse: tuple[int, ...], pan_grid: Grid | None, ms_grid: Grid | None
) -> tuple[Grid, Grid]:
    if (pan_grid is None) != (ms_grid is None):
        raise InvalidInputError(
            "Only one of pan_grid and ms_grid is given; give both, or none if both images cover "
            "the same area."
        )
    if pan_grid is None or ms_grid is None:
        ratios = [a / b for a, b in zip(sharp, coarse, strict=True)]
        # Corners coincide, and pixel centres are half a pixel inside.
        offsets = [(ratio - 1) / 2 for ratio in ratios]
        return Grid(sharp, np.eye(3)), Grid.from_parts(coarse, scale=ratios, translate=offsets)
    grids = pan_grid.trailing(2), ms_grid.trailing(2)
    for name, grid, shape in zip(("PAN", "MS"), grids, (sharp, coarse), strict=True):
        if grid.shape != shape:
            raise InvalidInputError(
                f"{name} has planes of {shape} pixels, its grid {grid.shape}; give its own grid."
            )
    return grids


def _as_given(
    image: npt.NDArray[np.generic], missing: npt.NDArray[np.bool_], single: bool, axis: int
) -> npt.NDArray[np.generic]:
    """Return bands in the caller's layout; missing integers are masked."""
    if image.dtype.kind != "f":
        image = with_missing(image, missing)
    return image[0] if single else np.moveaxis(image, 0, axis)
