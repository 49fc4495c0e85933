"""The colour of two coloured sources by a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..geometry.region import Region
from ..imaging.chroma_correction import ChromaCorrection
from ..models.frufn.color_net import ColorNet
from ..models.registry import SPECS
from ..models.weights import build_model, load_weights

if TYPE_CHECKING:
    from .canvas import PlaneSet

Floats = npt.NDArray[np.floating]

#: Larger planes are halved repeatedly: the correction is smooth, and the features take about 3 kB
#: per pixel.
MAX_PIXELS = 1 << 20
#: Number of pixels to read at once.
_STRIP = 1 << 22


class ColorNetChroma:
    """Mixes the chroma of two sources by ColorNet.

    Its input is a whole plane, reduced to at most a megapixel, so that the colour does not depend
    on tiles. It was trained on the fused luminance. Here it gets the mean of both sources'
    luminance, which is available before the fusion. On synthetic exposure pairs the chroma is
    as accurate (docs/quality.md).

    Parameters
    ----------
    device : torch.device

    Raises
    ------
    WeightsError
        If the installation has no weights of ColorNet.
    """

    def __init__(self, device: torch.device):
        module = build_model(load_weights(None, "color-net"))
        assert isinstance(module, ColorNet)
        self._module, self._device = module.to(device), device

    def strips(self, shape: tuple[int, int]) -> list[Region]:
        """Return the parts of an (H, W) plane that `survey` takes one by one."""
        height, width = shape
        factor = _factor(shape)
        rows = max(1, _STRIP // (width * factor)) * factor
        return [Region(top, 0, min(top + rows, height), width) for top in range(0, height, rows)]

    def survey(self, planes: PlaneSet, strip: Region, shape: tuple[int, int]) -> Floats:
        """Return ColorNet's reduced input of a strip, (h, w, 5)."""
        luminance = np.mean(planes.read(strip)[0], axis=0)
        first, second = planes.chroma(strip)
        seen = np.concatenate((luminance[..., None], first, second), axis=-1).astype(np.float32)
        whole = torch.from_numpy(np.moveaxis(seen, -1, 0))[None]
        # Blocks at the right and the bottom may be smaller.
        reduced = F.avg_pool2d(whole, _factor(shape), ceil_mode=True, count_include_pad=False)
        return np.moveaxis(reduced[0].numpy(), 0, -1)

    @torch.no_grad()
    def correct(self, seen: Sequence[Floats], shape: tuple[int, int]) -> ChromaCorrection:
        """Return the correction of a plane from the inputs of its strips."""
        planes = torch.from_numpy(np.moveaxis(np.concatenate(seen), -1, 0))[None]
        planes = planes.to(self._device)
        values = self._module.correction(planes[:, :1], planes[:, 1:3], planes[:, 3:])
        return ChromaCorrection(np.moveaxis(values[0].cpu().numpy(), 0, -1), _factor(shape))

    def of_plane(self, planes: PlaneSet, shape: tuple[int, int]) -> ChromaCorrection:
        """Return the correction of an (H, W) plane."""
        return self.correct([self.survey(planes, s, shape) for s in self.strips(shape)], shape)


def _factor(shape: tuple[int, int]) -> int:
    """Return the factor by which a plane is reduced, a power of 2."""
    factor = 1
    while -(-shape[0] // factor) * -(-shape[1] // factor) > MAX_PIXELS:
        factor *= 2
    return factor


def make_colornet_chroma(device: torch.device) -> ColorNetChroma | None:
    """Return a chroma mixer on a device, None if its weights are not installed."""
    return None if not SPECS["color-net"].has_weights() else ColorNetChroma(device)
