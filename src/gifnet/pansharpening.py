"""Pansharpening: a sharp panchromatic image and coarse bands make sharp bands."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidInputError
from .fusion import Fuser
from .geometry import Grid, resample
from .imaging.source import as_array
from .options import FuseOptions
from .progress import Progress, Reporter
from .substitution import brovey, gram_schmidt

METHODS = ("gifnet", "brovey", "gram-schmidt")
_CLASSICAL = {"brovey": brovey, "gram-schmidt": gram_schmidt}
#: Standard deviation in pixels of the 3 x 3 Gaussian that separates base and detail.
_SIGMA = 0.5

Floats = npt.NDArray[np.floating]


def pansharpen(
    pan: Any,
    ms: Any,
    *,
    method: str = "gifnet",
    band_axis: int = 0,
    pan_grid: Grid | None = None,
    ms_grid: Grid | None = None,
    match_histograms: bool = True,
    progress: Progress = None,
    options: FuseOptions | None = None,
    **overrides: Any,
) -> Any:
    """Sharpen the bands of a multispectral image with a panchromatic one.

    Parameters
    ----------
    pan : (H, W) array
        The panchromatic image.
    ms : (B, h, w) array, or with the bands along `band_axis`
        The multispectral image, or a single band, (h, w).
    method : {"gifnet", "brovey", "gram-schmidt"}
        The network, band by band, or a classical method.
    band_axis : int
        The axis of the bands.
    pan_grid, ms_grid : Grid, optional
        Where the planes of both lie in a common world, in any units. If left out, both cover the
        same area, so the ratio is that of their sizes, whole or not.
    match_histograms : bool
        For the network: give the result's coarse part the histogram of the band, as published.
    progress : callable or progress bar, optional
        As in `gifnet.fuse`; one unit a band.
    options : FuseOptions, optional
        For the network. `value_range` may be a pair, for `ms` and `pan`.
    **overrides
        Single options by name, as in `gifnet.fuse`.

    Returns
    -------
    (B, H, W) array, with the bands along `band_axis`
        Of the type of `ms`, on PAN's grid. Where either has no data it is NaN in floats and masked
        in integers.

    Raises
    ------
    InvalidInputError
        If an image or option cannot be used, or the images do not overlap.
    Cancelled
        If the progress callback returned False.

    Notes
    -----
    Bands are brought onto PAN's grid by cubic splines. The network fuses (band, PAN), each within
    its own range; then, as in the release of Cheng et al. (CVPR 2025), base = a 3 x 3 Gaussian
    of the result with sigma 0.5, detail = result - base, and the band is detail + base with the
    histogram of the resampled band.
    """
    if method not in METHODS:
        raise InvalidInputError(f"method is {method!r}; choose one of {', '.join(METHODS)}.")
    sharp = _plane(pan)
    bands, dtype = _bands(ms, band_axis)
    grids = _grids(sharp.shape, bands.shape[1:], pan_grid, ms_grid)
    reporter = Reporter(progress)
    reporter.expect(2 * len(bands))
    fine = np.empty((len(bands), *sharp.shape), np.float64)
    for band, out in zip(bands, fine, strict=True):
        out[:] = resample(band, grids[1], grids[0], order=3)
        reporter.advance()
    lacking = np.isnan(fine).any(axis=0) | np.isnan(sharp)
    if lacking.all():
        raise InvalidInputError("PAN and MS have no pixel in common where both have data.")
    if method in _CLASSICAL:
        fine[:, lacking] = np.nan
        result = _CLASSICAL[method](fine, np.where(lacking, np.nan, sharp))
        reporter.advance(len(bands))
    else:
        result = _by_network(fine, sharp, match_histograms, options, overrides, reporter)
    return _finished(result, lacking, dtype, np.ndim(ms) == 2, band_axis)


def _by_network(
    fine: npt.NDArray[np.float64],
    sharp: Floats,
    match_histograms: bool,
    options: FuseOptions | None,
    overrides: dict[str, Any],
    reporter: Reporter,
) -> npt.NDArray[np.float64]:
    result = np.empty_like(fine)
    with (
        Fuser(options, **{"task": "pansharpen", **overrides}) as fuser,
        fuser.using(channel_axis=None, chroma="auto"),
    ):
        for band, out in zip(fine, result, strict=True):
            # Asks after every tile whether to stop.
            fused = fuser.fuse(band, sharp, progress=lambda done, total: reporter.advance(0))
            out[:] = with_histogram(fused, band) if match_histograms else fused
            reporter.advance()
    return result


def with_histogram(fused: Floats, band: Floats) -> npt.NDArray[np.float64]:
    """Return a fused band whose coarse part has the histogram of the band, (H, W).

    Pixels that are not finite in either keep their fused value.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.exposure import match_histograms

    valid = np.isfinite(fused) & np.isfinite(band)
    if not valid.any():
        return np.asarray(fused, np.float64)
    values = np.where(valid, fused, 0).astype(np.float64)
    weight = gaussian_filter(valid.astype(np.float64), _SIGMA, radius=1, mode="reflect")
    base = gaussian_filter(values, _SIGMA, radius=1, mode="reflect") / np.maximum(weight, 1e-12)
    result = np.asarray(fused, np.float64).copy()
    result[valid] += match_histograms(base[valid], band[valid]) - base[valid]
    return result


def _plane(pan: Any) -> npt.NDArray[np.float64]:
    """Return PAN as floats, NaN where it has no data."""
    plane = as_array(pan, "PAN")
    if plane.ndim != 2:
        plane = np.squeeze(plane)
    if plane.ndim != 2:
        raise InvalidInputError(f"PAN has shape {np.shape(pan)}; give one plane, (H, W).")
    return _filled(plane)


def _bands(ms: Any, axis: int) -> tuple[npt.NDArray[np.float64], np.dtype[Any]]:
    """Return the bands first, as floats, and their own type."""
    bands = as_array(ms, "MS")
    if bands.ndim == 2:
        return _filled(bands[None]), np.dtype(bands.dtype)
    if bands.ndim != 3 or not -3 <= axis < 3:
        raise InvalidInputError(
            f"MS has shape {tuple(bands.shape)} and band_axis is {axis}; give bands, (B, h, w), or "
            "the axis that they are along."
        )
    filled = _filled(bands)
    return np.moveaxis(filled, axis, 0), np.dtype(bands.dtype)


def _filled(values: Any) -> npt.NDArray[np.float64]:
    values = values.compute() if hasattr(values, "dask") else values
    filled = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
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
        # Corners coincide, and pixel centres lie half a pixel inside.
        offsets = [(ratio - 1) / 2 for ratio in ratios]
        return Grid(sharp, np.eye(3)), Grid.from_parts(coarse, scale=ratios, translate=offsets)
    grids = pan_grid.trailing(2), ms_grid.trailing(2)
    for name, grid, shape in zip(("PAN", "MS"), grids, (sharp, coarse), strict=True):
        if grid.shape != shape:
            raise InvalidInputError(
                f"{name} has planes of {shape} pixels, its grid {grid.shape}; give its own grid."
            )
    return grids


def _finished(
    result: npt.NDArray[np.float64],
    lacking: npt.NDArray[np.bool_],
    dtype: np.dtype[Any],
    single: bool,
    axis: int,
) -> Any:
    """Return bands in the type of MS, as the caller has them."""
    empty = np.broadcast_to(lacking, result.shape)
    if dtype.kind in "iub":
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        whole = np.clip(np.rint(np.where(empty, 0, result)), low, high).astype(dtype)
        image: Any = np.ma.MaskedArray(whole, empty) if lacking.any() else whole
    else:
        image = np.where(empty, np.nan, result).astype(dtype)
    return image[0] if single else np.moveaxis(image, 0, axis)
