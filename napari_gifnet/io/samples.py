"""Samples for fusion, made from images that scikit-image ships; nothing is downloaded.

Every function returns layer data for napari: sources in the order of their roles, or a stack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gifnet.errors import ReadError
from gifnet.imaging.block_means import block_means
from gifnet.io import read_images

from ..layers.snapshot import LayerData

Floats = npt.NDArray[np.float64]

#: Pixels of the fine image per pixel of the coarse one, along either axis.
_RATIO = 4
_GAMMA = 2.2
_SLICES = 5


def multi_focus() -> list[LayerData]:
    """A motorcycle with the lens focused near and far.

    A stereo pair's disparity stands in for depth: the further a pixel is from the plane in
    focus, the wider it is blurred.
    """
    image, depth = _motorcycle()
    return [
        _layer(_uint8(_defocus(image, np.abs(depth - focus))), name, rgb=True)
        for name, focus in (("Near focus", 1.0), ("Far focus", 0.0))
    ]


def focus_stack() -> list[LayerData]:
    """The motorcycle in five slices, focused from near to far, as one layer with a Z axis."""
    image, depth = _motorcycle()
    slices = [
        _uint8(_defocus(image, np.abs(depth - focus), widest=8.0))
        for focus in np.linspace(1, 0, _SLICES)
    ]
    arguments = {"name": "Focus stack", "rgb": True, "axis_labels": ("z", "y", "x")}
    return [(np.stack(slices), arguments, "image")]


def _motorcycle() -> tuple[Floats, Floats]:
    """Return the picture in [0, 1] and its depth, 1 where it is near."""
    image = _shipped("motorcycle_left.png")[..., :3] / 255.0
    disparity = _disparity()
    low, high = np.percentile(disparity, (5, 95))
    return image, np.clip((disparity - low) / (high - low), 0, 1)


def _defocus(image: Floats, distance: Floats, widest: float = 4.0, levels: int = 6) -> Floats:
    """Blend copies of growing blur, by each pixel's distance from the plane in focus."""
    from scipy.ndimage import gaussian_filter

    sigmas = np.linspace(0, widest, levels)
    position = gaussian_filter(distance, 2) * (levels - 1)
    result = np.zeros_like(image)
    for level, sigma in enumerate(sigmas):
        weight = np.clip(1 - np.abs(position - level), 0, 1)[..., None]
        result += weight * gaussian_filter(image, (sigma, sigma, 0), mode="nearest")
    return result


def multi_exposure() -> list[LayerData]:
    """A cup of coffee beside a window: exposed for the shadow and for the light."""
    return _exposures({"Over-exposed": 2.5, "Under-exposed": -2.5})


def exposure_bracket() -> list[LayerData]:
    """The cup of coffee in three exposures."""
    return _exposures({"Over-exposed": 3.0, "Normal": 0.0, "Under-exposed": -3.0})


def _exposures(stops: dict[str, float]) -> list[LayerData]:
    """Return exposures by name, each so many stops above or below the middle.

    The picture is made linear, lit unevenly over seven stops, exposed, and passed through a
    camera's response and noise.
    """
    image = _shipped("coffee.png")[:, :512, :3] / 255.0
    radiance = image**_GAMMA
    column = np.linspace(-3.5, 3.5, image.shape[1])
    radiance *= 2.0 ** (column / (1 + np.exp(-2.0)))[None, :, None]
    noise = np.random.default_rng(0)
    layers = []
    for name, each in stops.items():
        exposed = radiance * 2.0**each
        exposed += noise.normal(0, 0.002, image.shape)
        response = np.clip(exposed, 0, 1) ** (1 / _GAMMA)
        layers.append(_layer(_uint8(response), name, rgb=True))
    return layers


def fluorescence() -> list[LayerData]:
    """A cell: its phase in grey, and two made channels of fluorescence on it.

    GFP shows the granules of the phase image, DAPI a blurred nucleus, both with 16 bits and
    noise.
    """
    from scipy.ndimage import gaussian_filter

    phase = _shipped("cell.png").astype(np.float64)
    phase = (phase[..., 0] if phase.ndim == 3 else phase)[248:504, 294:550] / 255.0
    smooth = gaussian_filter(phase, 12)
    inside = np.clip((smooth - np.median(smooth)) / np.ptp(smooth) * 2, 0, 1)
    granules = np.clip(gaussian_filter(phase, 1.5) - gaussian_filter(phase, 5), 0, None) * inside
    row, column = (np.average(axis, weights=inside) for axis in np.indices(phase.shape))
    rows, columns = np.indices(phase.shape)
    nucleus = np.exp(-((((rows - row) / 40) ** 2 + ((columns - column) / 30) ** 2) ** 2))
    noise = np.random.default_rng(0)
    layers = [_layer(_uint8(phase), "Phase contrast", **_place(0.1, "um"))]
    for name, colour, signal in (("GFP", "green", granules), ("DAPI", "blue", nucleus * inside)):
        counts = noise.poisson(100 + 3000 * signal / signal.max()).astype(np.uint16)
        shown: dict[str, Any] = {
            "colormap": colour,
            "blending": "additive",
            "contrast_limits": (130, 2500),
        }
        layers.append(_layer(counts, name, **shown, **_place(0.1, "um")))
    return layers


def pan_and_ms() -> list[LayerData]:
    """A launch pad in colour at 2 m and in grey at 0.5 m per pixel, both with 16 bits.

    A multispectral pixel covers four by four panchromatic ones exactly, so its centre is
    one and a half of them away from the first one's.
    """
    image = _shipped("rocket.jpg")[..., :3] / 255.0
    image = image[: image.shape[0] // _RATIO * _RATIO, : image.shape[1] // _RATIO * _RATIO]
    coarse = block_means(image, _RATIO)
    grey = image @ np.array([0.3, 0.5, 0.2])
    fine = 0.5
    return [
        _layer(_uint16(coarse), "Multispectral", rgb=True, **_place(fine, "m", _RATIO)),
        _layer(_uint16(grey), "Panchromatic", **_place(fine, "m")),
    ]


def pet_and_mri() -> list[LayerData]:
    """A head phantom: uptake in colour at 2.4 mm and structure at 0.6 mm per pixel.

    The uptake is what a PET scanner would show of tissues that take up the tracer in
    different amounts, with a hot spot that the structure does not show; the structure has the
    shading and the noise of an MRI. The phantom is that of Shepp and Logan.
    """
    from scipy.ndimage import gaussian_filter

    phantom = _shipped("phantom.png").astype(np.float64)
    phantom = (phantom[..., 0] if phantom.ndim == 3 else phantom) / phantom.max()
    rows, columns = np.indices(phantom.shape) / phantom.shape[0]
    noise = np.random.default_rng(0)
    shading = 0.75 + 0.35 * np.exp(-((rows - 0.4) ** 2 + (columns - 0.55) ** 2) / 0.18)
    texture = gaussian_filter(noise.normal(0, 1, phantom.shape), 1.5)
    head = phantom > 0.05
    tissue = np.where(phantom > 0.6, 0.8, 2 * phantom)
    structure = np.clip(tissue * shading + 0.12 * texture * head, 0, None)
    structure = np.hypot(
        structure + noise.normal(0, 0.01, phantom.shape), noise.normal(0, 0.01, phantom.shape)
    )
    brain = head & (phantom < 0.6)
    uptake = gaussian_filter(np.where(brain, 0.03 + 0.5 * phantom, 0.0), 6)
    for row, column, width, height in (
        (0.30, 0.38, 0.06, 0.4),
        (0.30, 0.64, 0.06, 0.4),
        (0.66, 0.58, 0.025, 0.8),
    ):
        spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))
        uptake += height * spot * gaussian_filter(brain.astype(np.float64), 3)
    coarse = np.clip(block_means(uptake, _RATIO) / uptake.max(), 0, 1)
    fine = 0.6
    return [
        _layer(_uint8(_hot(coarse)), "PET", rgb=True, **_place(fine, "mm", _RATIO)),
        _layer((structure / structure.max() * 4095).astype(np.uint16), "MRI", **_place(fine, "mm")),
    ]


def _shipped(name: str) -> npt.NDArray[np.integer]:
    """Read an image out of the scikit-image package itself, which never downloads."""
    return np.asarray(read_images(_shipped_path(name))[0].data)


def _shipped_path(name: str) -> Path:
    import skimage.data

    path = Path(skimage.data.__file__).parent / name
    if not path.is_file():
        raise ReadError(
            f"This installation of scikit-image lacks {name}, which the sample is made from. "
            "Install scikit-image from its wheel: pip install --force-reinstall scikit-image."
        )
    return path


def _disparity() -> Floats:
    """Return the motorcycle's disparity, holes filled from the nearest pixel that has one."""
    from scipy.ndimage import distance_transform_edt

    with np.load(_shipped_path("motorcycle_disp.npz")) as archive:
        disparity = archive["arr_0"].astype(np.float64)
    holes = ~np.isfinite(disparity)
    rows, columns = distance_transform_edt(holes, return_distances=False, return_indices=True)
    return np.asarray(disparity[rows, columns])


def _hot(values: Floats) -> Floats:
    """Colour [0, 1] from black over red and yellow to white."""
    channels = [np.clip(values * 2.7 - shift, 0, 1) for shift in (0.0, 1.0, 1.7)]
    return np.stack(channels, axis=-1)


def _uint8(image: Floats) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _uint16(image: Floats) -> npt.NDArray[np.uint16]:
    return np.rint(np.clip(image, 0, 1) * 65535).astype(np.uint16)


def _place(fine: float, unit: str, ratio: int = 1) -> dict[str, Any]:
    """Return the layer arguments of a grid whose first fine pixel is centred at 0."""
    return {
        "scale": (fine * ratio,) * 2,
        "translate": (fine * (ratio - 1) / 2,) * 2,
        "units": (unit, unit),
    }


def _layer(
    data: npt.NDArray[np.generic], name: str, *, rgb: bool = False, **others: Any
) -> LayerData:
    arguments = {"name": name, "rgb": rgb, "axis_labels": ("y", "x"), **others}
    return data, arguments, "image"
