"""The colour of two coloured sources as a network decides it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from ..models.color_net import ColorNet
from ..models.registry import companion_weights
from ..models.weights import build_model, load_weights

Floats = npt.NDArray[np.floating]

#: Larger planes are halved, and halved again: the correction is smooth, and its features
#: take some 3 kB a pixel.
MOST_PIXELS = 1 << 20


class LearntChroma:
    """ColorNet as what mixes the chroma of two sources.

    Parameters
    ----------
    device : torch.device

    Raises
    ------
    WeightsError
        If the installation has no weights of ColorNet.
    """

    def __init__(self, device: torch.device):
        module = build_model(load_weights(None, "color-net"), "color-net")
        assert isinstance(module, ColorNet)
        self._module, self._device = module.to(device), device

    @torch.no_grad()
    def __call__(self, luminance: Floats, first: Floats, second: Floats) -> Floats:
        """Return the fused (H, W, 2) chroma.

        Parameters
        ----------
        luminance : (H, W) array
            The fused plane in [0, 1].
        first, second : (H, W, 2) array
            Both sources' chroma on the same scale, centred at 0.
        """
        height, width = luminance.shape
        stacked = np.concatenate((luminance[..., None], first, second), axis=-1)
        planes = torch.from_numpy(np.moveaxis(stacked.astype(np.float32), -1, 0))[None]
        planes = planes.to(self._device)
        mean = (planes[:, 1:3] + planes[:, 3:]) / 2
        while planes.shape[-2] * planes.shape[-1] > MOST_PIXELS:
            planes = F.avg_pool2d(planes, 2, ceil_mode=True, count_include_pad=False)
        correction = self._module.correction(planes[:, :1], planes[:, 1:3], planes[:, 3:])
        if correction.shape[-2:] != (height, width):
            correction = F.interpolate(correction, size=(height, width), mode="bilinear")
        return np.moveaxis((mean + correction)[0].cpu().numpy(), 0, -1)


def learnt_chroma(device: torch.device) -> LearntChroma | None:
    """Return what mixes chroma on a device, None where the installation has no weights for it."""
    return None if companion_weights("color-net") is None else LearntChroma(device)
