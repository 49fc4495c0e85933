"""The metrics as data: name, title, better direction, and needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InvalidInputError
from . import (
    bands,
    edges,
    features,
    fidelity,
    gradients,
    information,
    lesser,
    similarity,
    statistics,
)

#: Possible needs in addition to the fused image.
NEEDS = ("sources", "reference", "bands")


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name : str
        The field's abbreviation, the key of `METRICS`; "-ref" stands for a comparison with
        a reference where the same metric is also known over the sources.
    title : str
        The name in words.
    compute : callable
        Takes (fused,) without needs, (first, second, fused) for sources, (fused, reference)
        for a reference. These are planes (H, W), or images (bands, H, W) if "bands" is among the
        needs. Then the first source is the multispectral image at its own size, the second the
        PAN plane (H, W).
    needs : tuple of str
        Of `NEEDS`.
    higher_is_better : bool
        As the field ranks it.
    needs_care : str
        Why a better value may not be a better picture; empty if nothing is known.
    smallest_side : int
        Planes below this side cannot be measured.
    max_bands : int, optional
        Images of more bands cannot be measured.
    takes_ratio : bool
        Also takes ``ratio``, the size of the fused image in parts of the multispectral one.
    unit : str
        Empty for ratios, and for values in the unit of the pixels.
    version : int
        Increased when the numbers change, so that stored results are measured again.
    """

    name: str
    title: str
    compute: Callable[..., float]
    needs: tuple[str, ...] = ()
    higher_is_better: bool = True
    needs_care: str = ""
    smallest_side: int = 2
    max_bands: int | None = None
    takes_ratio: bool = False
    unit: str = ""
    version: int = 1


_COPY = "a copy of either source, pixel by pixel, has a high value"
_SUM = "a sum over the sources: a copy of the one with more edges has a high value"
_NOISE = "noise, halos and over-sharpening raise it as well as detail"
_SOURCES, _REFERENCE = ("sources",), ("reference",)
_WINDOW = similarity.WINDOW

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("EN", "Entropy", information.entropy, needs_care=_NOISE, unit="bit"),
        Metric("SD", "Standard deviation", statistics.standard_deviation, needs_care=_NOISE),
        Metric("SF", "Spatial frequency", gradients.spatial_frequency, needs_care=_NOISE),
        Metric("AG", "Average gradient", gradients.average_gradient, needs_care=_NOISE),
        Metric("EI", "Edge intensity", gradients.edge_intensity, needs_care=_NOISE),
        Metric(
            "MI",
            "Mutual information",
            information.mutual_information,
            _SOURCES,
            needs_care=_COPY,
            unit="bit",
        ),
        Metric(
            "NMI",
            "Normalised mutual information",
            information.normalised_mutual_information,
            _SOURCES,
            needs_care=_COPY,
        ),
        Metric(
            "CE",
            "Cross entropy",
            information.cross_entropy,
            _SOURCES,
            higher_is_better=False,
            unit="bit",
        ),
        Metric(
            "CC",
            "Correlation coefficient",
            statistics.correlation_coefficient,
            _SOURCES,
            needs_care="the average of the sources has nearly the best value",
        ),
        Metric(
            "SCD",
            "Sum of correlations of differences",
            statistics.scd,
            _SOURCES,
            needs_care="contrast beyond the range of both sources raises it, and a trace of one "
            "source in a copy of the other satisfies it",
        ),
        Metric(
            "kept",
            "Edges kept of the source of which less is kept",
            lesser.kept,
            _SOURCES,
            needs_care="it counts edges alone, not brightness or colour",
        ),
        Metric(
            "VIF-lesser",
            "Visual information fidelity to the source of which less is kept",
            lesser.vif_lesser,
            _SOURCES,
            smallest_side=fidelity.SMALLEST_SIDE,
        ),
        Metric("Qabf", "Edge information kept", edges.qabf, _SOURCES, needs_care=_SUM),
        Metric("Nabf", "Edge information made up", edges.nabf, _SOURCES, higher_is_better=False),
        Metric(
            "SSIM",
            "Structural similarity to the sources",
            similarity.ssim_of_sources,
            _SOURCES,
            smallest_side=_WINDOW,
            needs_care="the average of the sources has nearly the best value",
        ),
        Metric(
            "MS-SSIM",
            "Multi-scale structural similarity to the sources",
            similarity.ms_ssim_of_sources,
            _SOURCES,
            smallest_side=_WINDOW,
            needs_care="the average of the sources has nearly the best value",
        ),
        Metric(
            "MEF-SSIM",
            "Structural similarity of multi-exposure fusion",
            similarity.mef_ssim,
            _SOURCES,
            smallest_side=_WINDOW,
        ),
        Metric(
            "VIF",
            "Visual information fidelity to the sources",
            fidelity.vif_of_sources,
            _SOURCES,
            needs_care=_SUM,
            smallest_side=fidelity.SMALLEST_SIDE,
        ),
        Metric(
            "FMI",
            "Feature mutual information",
            features.fmi,
            _SOURCES,
            needs_care=_COPY,
            smallest_side=3,
        ),
        Metric(
            "MSE",
            "Mean squared error to the sources",
            statistics.mse_of_sources,
            _SOURCES,
            higher_is_better=False,
            needs_care="the average of the sources has the best value",
        ),
        Metric(
            "PSNR",
            "Peak signal-to-noise ratio to the sources",
            statistics.psnr_of_sources,
            _SOURCES,
            needs_care="the average of the sources has the best value",
            unit="dB",
        ),
        Metric(
            "MSE-ref",
            "Mean squared error to the reference",
            statistics.mse,
            _REFERENCE,
            higher_is_better=False,
        ),
        Metric(
            "PSNR-ref",
            "Peak signal-to-noise ratio to the reference",
            statistics.psnr,
            _REFERENCE,
            unit="dB",
        ),
        Metric(
            "SSIM-ref",
            "Structural similarity to the reference",
            similarity.ssim,
            _REFERENCE,
            smallest_side=_WINDOW,
        ),
        Metric(
            "MS-SSIM-ref",
            "Multi-scale structural similarity to the reference",
            similarity.ms_ssim,
            _REFERENCE,
            smallest_side=_WINDOW,
        ),
        Metric(
            "VIF-ref",
            "Visual information fidelity to the reference",
            fidelity.vif,
            _REFERENCE,
            smallest_side=fidelity.SMALLEST_SIDE,
        ),
        Metric(
            "SAM",
            "Spectral angle",
            bands.sam,
            ("reference", "bands"),
            higher_is_better=False,
            unit="degree",
        ),
        Metric(
            "ERGAS",
            "Relative dimensionless global error",
            bands.ergas,
            ("reference", "bands"),
            higher_is_better=False,
            takes_ratio=True,
        ),
        Metric("UQI", "Universal quality index", bands.uqi_of_bands, ("reference", "bands")),
        Metric("Q4", "Quaternion quality index", bands.q4, ("reference", "bands"), max_bands=4),
        Metric(
            "D_lambda",
            "Spectral distortion",
            lambda ms, pan, fused: bands.d_lambda(fused, ms),
            ("sources", "bands"),
            higher_is_better=False,
            smallest_side=8,
        ),
        Metric(
            "D_s",
            "Spatial distortion",
            lambda ms, pan, fused: bands.d_s(fused, ms, pan),
            ("sources", "bands"),
            higher_is_better=False,
            smallest_side=8,
        ),
        Metric(
            "QNR",
            "Quality with no reference",
            lambda ms, pan, fused: bands.qnr(fused, ms, pan),
            ("sources", "bands"),
            smallest_side=8,
        ),
    )
}


def metric(name: str) -> Metric:
    """Return a metric by name, in upper or lower case.

    Raises
    ------
    InvalidInputError
        If there is none.
    """
    for known in METRICS.values():
        if known.name.lower() == name.lower():
            return known
    raise InvalidInputError(f"There is no metric {name!r}; known are {', '.join(METRICS)}.")
