"""The training settings of GIFNet, saved next to the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import TrainingError
from ..recipes import read_recipe
from ..settings import (
    CropSettings,
    FidelitySettings,
    SourceSettings,
    Value,
    fraction,
    weight,
    whole,
)

#: shares of a batch, in total at most 1; the rest are synthetic multi-focus pairs
MIXTURE = (
    "triplets", "exposure", "single", "infrared", "tracer", "bone", "spectral", "pansharpening",
)  # fmt: skip

#: An 11 x 11 window must fit the third scale of MS-SSIM.
MIN_STRUCTURE_CROP = 44


@dataclass(frozen=True)
class GifnetConfig(CropSettings, FidelitySettings):
    """The settings that both ways of training GIFNet share."""

    TRAINABLE = ("gifnet", "gifnet-blend", "gifnet-cvpr")

    #: "gifnet" (band head), "gifnet-blend" or "gifnet-cvpr" (published head)
    model: str = "gifnet-cvpr"
    #: "alternating" or "inference": the class of a stored configuration
    updates: str = ""
    #: weight of the REC branch's loss (paper, Eq. 6); 0 is the ablation without it
    public_weight: float = weight(1.0)
    #: lambda of the cross-fusion gates at the start, and whether it is learned (paper, Eq. 4); 0
    #: and False are the ablation without them
    gate_start: float = 1.0
    gate_learned: bool = True
    #: "random", or the path of a folder of depth maps with the names of the visible images
    depth: str = "random"
    #: "gradient" or "densenet121" (needs torchvision and its weights)
    information: str = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.updates != type(self).updates:
            raise TrainingError(f"updates is {self.updates!r}; use {type(self).updates!r}.")


@dataclass(frozen=True)
class AlternatingConfig(GifnetConfig):
    """The paper's training, with alternating updates of the branches.

    The defaults are the published recipe (Sec. 3.4 and 4.1, supplement, Sec. 2 and 3.1).
    """

    TITLE = "alternating updates of GIFNet"

    updates: str = "alternating"


@dataclass(frozen=True)
class InferenceConfig(GifnetConfig, SourceSettings):
    """Training of the graph that inference runs, on all tasks at once."""

    TITLE = "inference updates of GIFNet"

    updates: str = "inference"
    #: every so many steps the MM branch is main, and the REC branch is trained; 0 never
    mm_every: int = whole()
    #: shares of samples that are multi-focus triplets on disk, synthetic exposure pairs, one
    #: image twice for enhancement F(X, X), infrared pairs, and synthetic pairs of PET and MRI, CT
    #: and MRI, near infrared and visible, multispectral and PAN (`gifnet.training.data.modalities`)
    triplets: float = fraction()
    exposure: float = fraction()
    single: float = fraction()
    infrared: float = fraction()
    tracer: float = fraction()
    bone: float = fraction()
    spectral: float = fraction()
    pansharpening: float = fraction()
    #: share of the triplets' crops that are chosen to contain a border of focus
    border: float = fraction()
    #: share of infrared and spectral pairs in which one source loses contrast, and of infrared
    #: pairs in the other order
    low_contrast: float = fraction()
    swapped: float = fraction()
    #: share of infrared pairs that are flat except for warm objects, as at night
    night: float = fraction()
    #: share of samples that are mosaics of four samples of half the side, so that the network
    #: normalises over several scenes, as in a large image
    mosaic: float = fraction()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep_structure and self.crop < MIN_STRUCTURE_CROP:
            raise TrainingError(
                f"crop is {self.crop}; MS-SSIM of inference updates needs crops of at least "
                f"{MIN_STRUCTURE_CROP} pixels, or keep_structure=0."
            )
        if self.mosaic and (self.crop % 16 or self.crop < 64):
            raise TrainingError(
                f"crop is {self.crop}; a mosaic of four samples needs a multiple of 16 of at least "
                "64 pixels, or mosaic=0."
            )
        if (total := sum(getattr(self, name) for name in MIXTURE)) > 1 + 1e-9:
            raise TrainingError(
                f"{', '.join(MIXTURE)} add up to {total}; they are shares of one batch, at most 1 "
                "together."
            )


def make_config(values: Mapping[str, Value], source: str = "configuration") -> GifnetConfig:
    """Return the configuration of settings, of the class that `updates` selects."""
    kinds: dict[str, type[GifnetConfig]] = {
        "alternating": AlternatingConfig,
        "inference": InferenceConfig,
    }
    updates = values.get("updates", "alternating")
    if not isinstance(updates, str) or updates not in kinds:
        raise TrainingError(f"updates is {updates!r}; use 'alternating' or 'inference'.")
    return kinds[updates].from_dict(values, source)


def recipe(name: str) -> GifnetConfig:
    """Return a recipe of the package, see `gifnet.training.recipes`."""
    return make_config(read_recipe("gifnet", name), f"recipe {name!r}")
