"""Refinement by mutual information through SimpleITK, an optional extra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..geometry.grid import Matrix
from .correlation import Maps, around
from .edges import Mask, Plane

_BINS = 32
_ITERATIONS = 200
_SAMPLE = 0.2
_SHRINK = (4, 2, 1)
_SMOOTHING = (2.0, 1.0, 0.5)


def maximise(maps: Maps, starts: Sequence[Matrix], kind: str) -> Matrix:
    """Return the map near one of several starts that maximises the mutual information.

    The measure is that of Mattes et al., "PET-CT Image Registration in the Chest Using
    Free-form Deformations", IEEE TMI 22 (2003), on three levels, with a fixed random sample of
    a fifth of the pixels.

    Raises
    ------
    InvalidInputError
        If SimpleITK is not installed, or finds no transform.
    """
    try:
        import SimpleITK as sitk
    except ImportError:
        raise InvalidInputError(
            "measure='mutual-information' needs SimpleITK; install it with: pip install "
            "'napari-gifnet[registration]', or use measure='edges'."
        ) from None
    found = []
    reason = ""
    for start in starts:
        try:
            found.append(_maximised(sitk, maps, start, kind))
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
    if not found:
        raise InvalidInputError(
            f"The images cannot be registered by mutual information: {reason} Use measure='edges'."
        )
    return max(found, key=lambda pair: pair[0])[1]


def _maximised(sitk: Any, maps: Maps, start: Matrix, kind: str) -> tuple[float, Matrix]:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(_SAMPLE, 1)
    method.SetMetricFixedMask(_mask(sitk, maps.reference_valid))
    method.SetMetricMovingMask(_mask(sitk, maps.moving_valid))
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, _ITERATIONS, 0.6, 1e-7)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(_SHRINK)
    method.SetSmoothingSigmasPerLevel(_SMOOTHING)
    transform = _as_transform(sitk, start, kind, maps.reference.shape)
    method.SetInitialTransform(transform, True)
    method.Execute(
        _image(sitk, maps.reference, maps.reference_valid),
        _image(sitk, maps.moving, maps.moving_valid),
    )
    return -float(method.GetMetricValue()), _as_matrix(transform)


def _mask(sitk: Any, valid: Mask) -> Any:
    return sitk.GetImageFromArray(valid.astype(np.uint8))


def _image(sitk: Any, plane: Plane, valid: Mask) -> Any:
    low = plane[valid].min()
    return sitk.GetImageFromArray(np.where(valid, plane, low).astype(np.float32))


def _as_transform(sitk: Any, matrix: Matrix, kind: str, shape: tuple[int, ...]) -> Any:
    """Return a map of (row, column) as a transform of SimpleITK's (x, y) points."""
    linear, offset = matrix[:2, :2][::-1, ::-1], matrix[:2, 2][::-1]
    if kind == "translation":
        return sitk.TranslationTransform(2, offset.tolist())
    centre = (np.array(shape[::-1]) - 1) / 2
    if kind == "rigid":
        transform = sitk.Euler2DTransform()
        transform.SetAngle(float(np.arctan2(linear[1, 0], linear[0, 0])))
    elif kind == "similarity":
        transform = sitk.Similarity2DTransform()
        transform.SetAngle(float(np.arctan2(linear[1, 0], linear[0, 0])))
        transform.SetScale(float(np.sqrt(np.linalg.det(linear))))
    else:
        transform = sitk.AffineTransform(2)
        transform.SetMatrix(linear.ravel().tolist())
    transform.SetCenter(centre.tolist())
    transform.SetTranslation((linear @ centre + offset - centre).tolist())
    return transform


def _as_matrix(transform: Any) -> Matrix:
    origin, right, down = (
        np.array(transform.TransformPoint(point)) for point in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    )
    linear = np.stack((down - origin, right - origin), axis=1)[::-1]
    return around(linear, np.zeros(2), origin[::-1])
