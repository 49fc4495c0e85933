"""Metrics of edges carried over from the sources: Qabf and Nabf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import sobel

from ..validation import require_choice
from .windows import BORDERS, Floats, Plane, as_planes


@dataclass(frozen=True)
class EdgeModel:
    """The constants that map preserved edge strength and orientation to a quality.

    Attributes
    ----------
    strength, orientation : tuple of float
        (gain, slope, middle) of the two sigmoids gain / (1 + exp(-slope (x - middle))).
    exponent : float
        Power of a source's gradient that is the weight of its pixels.
    least_gradient, least_weight : float
        Gradients below the first get the second as weight, on the scale 0 to 255.
    rooted : bool
        Take the root of the product of both qualities instead of the product.
    kernel_sum : float
        Divisor of the Sobel kernels 1 2 1.
    border : str
        Extension of the plane beyond its border, a key of `windows.BORDERS`.
    """

    strength: tuple[float, float, float]
    orientation: tuple[float, float, float]
    exponent: float
    least_gradient: float
    least_weight: float
    rooted: bool
    kernel_sum: float
    border: str


#: Xydeas and Petrovic, Electron. Lett. 2000, as VIFB and most toolboxes compute Qabf.
XYDEAS_2000 = EdgeModel(
    (0.9994, 15, 0.5), (0.9879, 22, 0.8), 1, 0, 0, rooted=False, kernel_sum=1, border="zero"
)
#: Petrovic and Xydeas, 2005, as Shreyamsha Kumar's code computes Nabf (and its own Qabf).
PETROVIC_2005 = EdgeModel(
    (0.9999, 19, 0.5), (0.9995, 22, 0.5), 1.5, 2, 0.001, rooted=True, kernel_sum=8, border="mirror"
)


@dataclass(frozen=True)
class _Edges:
    strength: Floats
    angle: Floats


def _edges(plane: Floats, model: EdgeModel) -> _Edges:
    across, down = (
        sobel(plane, axis, mode=BORDERS[model.border]) / model.kernel_sum for axis in (1, 0)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arctan(down / across)
    return _Edges(np.hypot(across, down), np.nan_to_num(angle, copy=False))


def _sigmoid(values: Floats, constants: tuple[float, float, float]) -> Floats:
    gain, slope, middle = constants
    result: Floats = gain / (1 + np.exp(-slope * (values - middle)))
    return result


def _preserved(source: _Edges, fused: _Edges, model: EdgeModel) -> Floats:
    """Return the part of a source's edge information that each fused pixel has."""
    larger = np.maximum(source.strength, fused.strength)
    smaller = np.minimum(source.strength, fused.strength)
    strength = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
    # Angles are those of lines, so pi apart is parallel again.
    turn = np.abs(np.abs(source.angle - fused.angle) - np.pi / 2) * (2 / np.pi)
    quality = _sigmoid(strength, model.strength) * _sigmoid(turn, model.orientation)
    return np.sqrt(quality) if model.rooted else quality


def _weight(source: _Edges, model: EdgeModel) -> Floats:
    weight: Floats = source.strength**model.exponent
    return np.where(source.strength >= model.least_gradient, weight, model.least_weight)


def _parts(
    first: Plane, second: Plane, fused: Plane, model: EdgeModel, data_range: float
) -> tuple[list[_Edges], list[Floats], list[Floats], float]:
    require_choice("border", model.border, tuple(set(BORDERS) - {"valid"}))
    scaled = [plane * (255 / data_range) for plane in as_planes(first, second, fused)]
    edges = [_edges(plane, model) for plane in scaled]
    preserved = [_preserved(source, edges[2], model) for source in edges[:2]]
    weights = [_weight(source, model) for source in edges[:2]]
    return edges, preserved, weights, float(sum(weight.sum() for weight in weights))


def qabf(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    model: EdgeModel = XYDEAS_2000,
    data_range: float = 255,
) -> float:
    """Return Qabf, the fraction of the sources' edge information in the fused plane.

    Xydeas and Petrovic, "Objective image fusion performance measure", Electron. Lett. 2000,
    Eqs. 1 to 7, between 0 and just below 1.

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    model : EdgeModel
        `XYDEAS_2000`, the constants of the paper with zeros beyond the border, as in VIFB; or
        `PETROVIC_2005`, or constants of your own. Equal gradients count as strength 1,
        where the toolboxes' code takes the gradient itself, which saturates alike.
    data_range : float
        The planes' span.

    Returns
    -------
    float
        0 where both sources are flat.
    """
    _, preserved, weights, total = _parts(first, second, fused, model, data_range)
    carried = sum(float((q * w).sum()) for q, w in zip(preserved, weights, strict=True))
    return carried / total if total else 0.0


def nabf(
    first: Plane,
    second: Plane,
    fused: Plane,
    *,
    model: EdgeModel = PETROVIC_2005,
    artefact: str = "kumar",
    data_range: float = 255,
) -> float:
    """Return Nabf, the fraction of edge information that no source has; lower is better.

    It counts pixels whose fused gradient exceeds the gradients of both sources (Petrovic and
    Xydeas, "Objective image fusion performance characterisation", ICCV 2005).

    Parameters
    ----------
    first, second, fused : (H, W) arrays
    model : EdgeModel
        Constants; `PETROVIC_2005` by default.
    artefact : str
        "kumar" weights each source's loss by its own weight (Shreyamsha Kumar, Signal Image
        Video Process. 2013), the variant that is usually reported; "petrovic" weights the
        sum of both losses by the sum of both weights, as first published.
    data_range : float
        The planes' span. The model's least gradient is on the scale 0 to 255; toolboxes that
        pass planes in [0, 1] never reach it and weight all pixels alike.

    Returns
    -------
    float
    """
    require_choice("artefact", artefact, ("kumar", "petrovic"))
    edges, preserved, weights, total = _parts(first, second, fused, model, data_range)
    made_up = (edges[2].strength > edges[0].strength) & (edges[2].strength > edges[1].strength)
    lost = [1 - quality for quality in preserved]
    if artefact == "kumar":
        loss = lost[0] * weights[0] + lost[1] * weights[1]
    else:
        loss = (lost[0] + lost[1]) * (weights[0] + weights[1])
    return float(loss[made_up].sum()) / total if total else 0.0
