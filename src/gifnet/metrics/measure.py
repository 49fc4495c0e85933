"""All metrics of one fused image in one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom

from ..errors import InvalidInputError
from ..imaging.colour import luminance
from .registry import METRICS, Metric, metric
from .windows import Floats, Plane

#: Images of at least this side, whose last axis is 3 or 4, are taken for colour.
_COLOUR_SIDE = 31


def evaluate(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    fused: npt.ArrayLike,
    reference: npt.ArrayLike | None = None,
    metrics: Iterable[str | Metric] | None = None,
    *,
    data_range: float = 255,
) -> dict[str, float]:
    """Measure a fused image with the default conventions of `gifnet.metrics`.

    Parameters
    ----------
    first, second : array
        The sources: planes (H, W), or RGB(A) (H, W, 3 or 4). Of colours the BT.601 luminance is
        measured. For pansharpening `first` is the multispectral image (bands, h, w), at its own
        size or that of PAN, and `second` the PAN plane (H, W).
    fused : array
        The result: a plane, RGB(A), or (bands, H, W). Metrics of planes are averaged over
        the bands, each against its own band of the sources.
    reference : array, optional
        The ground truth, like `fused`.
    metrics : iterable of str or Metric, optional
        Names of `METRICS`. By default all that these images allow.
    data_range : float
        The range of the images. They are first brought to the scale 0 to 255, so that values are
        those that the field reports.

    Returns
    -------
    dict
        Values by name, in the requested order.

    Raises
    ------
    InvalidInputError
        If images do not fit together, or one is missing that a requested metric needs.

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.zeros((64, 64), np.uint8)
    >>> ramp = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    >>> values = evaluate(flat, ramp, ramp, metrics=["EN", "SCD"])
    >>> round(values["EN"], 3), values["SCD"]
    (6.0, 1.0)
    """
    if not data_range > 0:
        raise InvalidInputError(f"data_range is {data_range}; give the images' span, such as 255.")
    scale = 255 / data_range
    inputs = _Inputs(*(_prepare(image, scale) for image in (first, second, fused, reference)))
    if metrics is None:
        chosen = [m for m in METRICS.values() if inputs.missing_for(m) is None]
    else:
        chosen = [m if isinstance(m, Metric) else metric(m) for m in metrics]
    return {m.name: inputs.value(m) for m in chosen}


def _prepare(image: npt.ArrayLike | None, scale: float) -> Floats | None:
    if image is None:
        return None
    array = np.asarray(image)
    if array.dtype.kind not in "buif" or array.ndim not in (2, 3):
        raise InvalidInputError(
            f"An image is {array.dtype} of shape {array.shape}; metrics take planes (H, W), RGB "
            "(H, W, 3) or bands (bands, H, W) of real numbers."
        )
    floats = array.astype(np.float64) * scale
    if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) >= _COLOUR_SIDE:
        floats = np.asarray(luminance(floats[..., :3]), np.float64)
    return floats


def enlarge(bands: Floats, shape: Sequence[int]) -> Floats:
    """Return (bands, h, w) at (bands, *shape), by cubic splines, clipped to its own range."""
    factors = [1.0, *(large / small for large, small in zip(shape, bands.shape[1:], strict=True))]
    large = zoom(bands, factors, order=3, mode="nearest", grid_mode=True)
    result: Floats = np.clip(large, bands.min(), bands.max())
    return result


class _Inputs:
    """One result with its sources and reference, on the scale 0 to 255."""

    def __init__(
        self,
        first: Floats | None,
        second: Floats | None,
        fused: Floats | None,
        reference: Floats | None,
    ):
        assert first is not None
        assert second is not None
        assert fused is not None
        self.first, self.second, self.fused, self.reference = first, second, fused, reference
        self.side = min(fused.shape[-2:])
        self._large: Floats | None = None
        self._check()

    def _check(self) -> None:
        size = self.fused.shape[-2:]
        banded = self.fused.ndim == 3
        for name, image in (("second source", self.second), ("reference", self.reference)):
            if image is not None and image.shape[-2:] != size:
                raise InvalidInputError(
                    f"The fused image is {size} and the {name} {image.shape[-2:]}; bring them "
                    "onto one grid first."
                )
        if not banded and self.first.ndim == 2 and self.first.shape != size:
            raise InvalidInputError(
                f"The fused image is {size} and the first source {self.first.shape}; bring them "
                "onto one grid first."
            )
        for image in (self.first, self.second, self.reference):
            if image is None or image.ndim == 2:
                continue
            if not banded or len(image) != len(self.fused):
                raise InvalidInputError(
                    f"An image of bands {image.shape} does not fit the fused image "
                    f"{self.fused.shape}; both need the same bands."
                )

    def missing_for(self, m: Metric) -> str | None:
        """Return the missing input of a metric in words, or None."""
        if "reference" in m.needs and self.reference is None:
            return "a reference"
        if "bands" in m.needs:
            if self.fused.ndim != 3:
                return "images of bands (bands, H, W)"
            if m.max_bands and len(self.fused) > m.max_bands:
                return f"at most {m.max_bands} bands"
            if "sources" in m.needs and (
                self.first.ndim != 3 or self.first.shape == self.fused.shape
            ):
                return "the multispectral source at its own, smaller size"
        if self.side < m.smallest_side:
            return f"sides of at least {m.smallest_side} pixels"
        return None

    def value(self, m: Metric) -> float:
        if missing := self.missing_for(m):
            raise InvalidInputError(f"The metric {m.name} needs {missing}.")
        if "bands" in m.needs:
            if "sources" in m.needs:
                return m.compute(self.first, self.second, self.fused)
            if m.takes_ratio and self.first.ndim == 3:
                ratio = self.fused.shape[1] / self.first.shape[1]
                return m.compute(self.fused, self.reference, ratio=ratio if ratio > 1 else 4)
            return m.compute(self.fused, self.reference)
        values = [m.compute(*arguments) for arguments in self._planes(m)]
        return float(np.mean(values))

    def _planes(self, m: Metric) -> Iterable[Sequence[Plane]]:
        """Yield a metric's arguments, once for every band."""
        count = len(self.fused) if self.fused.ndim == 3 else 1
        for band in range(count):

            def of(image: Floats, band: int = band) -> Floats:
                result: Floats = image[band] if image.ndim == 3 else image
                return result

            if "sources" in m.needs:
                yield of(self._enlarged()), of(self.second), of(self.fused)
            elif "reference" in m.needs:
                assert self.reference is not None
                yield of(self.fused), of(self.reference)
            else:
                yield (of(self.fused),)

    def _enlarged(self) -> Floats:
        """Return the first source at the size of the result, cubically, within its range."""
        if self.first.shape[-2:] == self.fused.shape[-2:]:
            return self.first
        if self._large is None:
            self._large = enlarge(self.first, self.fused.shape[-2:])
        return self._large
