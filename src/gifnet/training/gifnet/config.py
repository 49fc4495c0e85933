"""The recipe of a training run: one frozen dataclass, saved beside its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ...errors import TrainingError
from ..settings import RunSettings

#: shares of a batch, at most 1 together; the rest are synthetic multi-focus pairs
MIXTURE = (
    "triplets", "exposure", "single", "infrared", "tracer", "bone", "spectral", "pansharpening",
)  # fmt: skip

#: An 11 x 11 window must fit the third scale.
SMALLEST_DEPLOYED_CROP = 44


@dataclass(frozen=True)
class TrainingConfig(RunSettings):
    """Everything that decides what a run of `gifnet train gifnet` computes.

    The defaults are the published recipe (paper, Sec. 3.4 and 4.1, supplement, Sec. 2 and
    3.1); `RECIPES` holds those behind the bundled weights.
    """

    TRAINABLE = ("gifnet", "gifnet-blend", "gifnet-cvpr")
    NOT_NEGATIVE = (
        "fidelity_mse", "fidelity_l1", "fidelity_ssim", "fidelity_blend", "fidelity_log",
        "unsupervised_weight", "keep_edges", "keep_information", "keep_differences",
        "keep_structure", "keep_entropy", "keep_gradient", "keep_warm", "exposure_truth",
        "public_weight",
    )  # fmt: skip
    SHARES = (
        "same_pair",
        "unsupervised_share",
        "low_contrast",
        "swapped",
        "border",
        "night",
        "mosaic",
        *MIXTURE,
    )

    #: "gifnet" (band head), "gifnet-blend" or "gifnet-cvpr" (published head)
    model: str = "gifnet-cvpr"
    #: "alternating", the paper's updates of either branch in turn, or "inference", which trains
    #: the very graph that inference runs, on all tasks at once
    updates: str = "alternating"
    #: DP updates after each MM update
    dp_updates: int = 1
    #: inference: every so many steps the MM branch is main, and the REC branch is trained; 0 never
    mm_every: int = 0
    #: weights of the DP branch's fidelity terms against the ground truth (paper, Eq. 11: MSE alone)
    fidelity_mse: float = 1.0
    fidelity_l1: float = 0.0
    fidelity_ssim: float = 0.0
    #: weight of the mean absolute error of the blend head's output without its residual, which
    #: makes the shares decide rather than the residual repair
    fidelity_blend: float = 0.0
    #: weight of the mean logarithm of the squared error, which PSNR is made of
    fidelity_log: float = 0.0
    #: share of DP samples whose auxiliary branch sees the same pair, as it does at inference
    same_pair: float = 0.0
    #: share of DP samples taken from multi-focus triplets on disk rather than synthesised
    triplets: float = 0.0
    #: inference: share of the triplets' crops that are chosen for the border of focus in them
    border: float = 0.0
    #: share of DP samples that are synthetic exposure pairs (supplement, Sec. 3.2)
    exposure: float = 0.0
    #: share of DP samples that are one softened image twice, for enhancement F(X, X)
    single: float = 0.0
    #: weight and share of the batch of multi-modal pairs seen as at inference, DP branch main
    unsupervised_weight: float = 0.0
    unsupervised_share: float = 0.5
    #: inference: shares of samples that are infrared pairs, and stand-ins for PET and MRI, CT and
    #: MRI, near infrared and visible, and multispectral and PAN (`gifnet.training.data.modalities`)
    infrared: float = 0.0
    tracer: float = 0.0
    bone: float = 0.0
    spectral: float = 0.0
    pansharpening: float = 0.0
    #: inference: weights of the losses of pairs without truth (`training.gifnet.metric_losses`):
    #: Qabf, VIF, SCD, MS-SSIM, MI and the stronger signed gradient
    keep_edges: float = 0.0
    keep_information: float = 0.0
    keep_differences: float = 0.0
    keep_structure: float = 0.0
    keep_entropy: float = 0.0
    keep_gradient: float = 0.0
    #: inference: weight of how much less than in the infrared image warm objects stand out
    keep_warm: float = 0.0
    #: inference: slope of Qabf's sigmoid over edge strength in the loss. With the metric's own, 15,
    #: an edge that is missing gives hardly a gradient.
    edge_slope: float = 15.0
    #: inference: weight of the mean absolute error of exposure pairs to the well-exposed image
    exposure_truth: float = 0.0
    #: inference: share of infrared and spectral pairs one of whose sources loses contrast, and of
    #: infrared pairs that come in the other order
    low_contrast: float = 0.0
    swapped: float = 0.0
    #: inference: share of infrared pairs made flat but for what is warm, as at night
    night: float = 0.0
    #: inference: share of samples put together of four of half the side, so that what the network
    #: normalises by is that of more than one place, as in a large image
    mosaic: float = 0.0
    #: random inversion, gamma and gain of the multi-modal pairs
    modality_augmentation: bool = False
    #: weight of the REC branch's loss (paper, Eq. 6); 0 is the ablation without it
    public_weight: float = 1.0
    #: lambda of the cross-fusion gates at the start, and whether it is learned (paper, Eq. 4); 0
    #: and False are the ablation without them
    gate_start: float = 1.0
    gate_learned: bool = True
    #: revive silent decoder channels of the starting weights
    revive: bool = False
    #: give decoder channels that hardly contribute a share of those that do
    split: bool = False
    #: "random", or the path of a folder of depth maps named like the visible images
    depth: str = "random"
    #: "gradient" or "densenet121" (needs torchvision and its weights)
    information: str = "gradient"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_at_least_one("dp_updates")
        if self.mm_every < 0:
            raise TrainingError(f"mm_every is {self.mm_every}; it must not be negative.")
        if self.updates not in ("alternating", "inference"):
            raise TrainingError(f"updates is {self.updates!r}; use 'alternating' or 'inference'.")
        if (
            self.updates == "inference"
            and self.keep_structure
            and self.crop < SMALLEST_DEPLOYED_CROP
        ):
            raise TrainingError(
                f"crop is {self.crop}; MS-SSIM of inference updates needs crops of at least "
                f"{SMALLEST_DEPLOYED_CROP} pixels, or keep_structure=0."
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


_BUNDLED = TrainingConfig(
    model="gifnet-blend",
    steps=650,
    batch_size=4,
    crop=64,
    learning_rate=6e-4,
    schedule="cosine",
    clip_norm=1.0,
    ema=0.995,
    dp_updates=2,
    fidelity_l1=1.0,
    fidelity_ssim=0.5,
    same_pair=0.5,
    triplets=0.6,
    exposure=0.12,
    single=0.08,
    unsupervised_weight=0.5,
    unsupervised_share=0.25,
    modality_augmentation=True,
    validate_every=100,
    checkpoint_every=50,
    precision="bf16-mixed",
)

#: "published" is the paper's recipe; the bundled weights come from the others in their order, each
#: from the weights that the one before leaves.
RECIPES: dict[str, TrainingConfig] = {
    "published": TrainingConfig(),
    "bundled": _BUNDLED,
    "bundled-continued": dataclasses.replace(
        _BUNDLED,
        steps=370,
        learning_rate=4e-4,
        dp_updates=3,
        fidelity_blend=1.0,
        triplets=0.7,
        exposure=0.1,
        revive=True,
        seed=1,
    ),
    "bundled-deployed": TrainingConfig(
        model="gifnet-blend",
        updates="inference",
        steps=500,
        schedule_steps=800,
        batch_size=4,
        crop=64,
        learning_rate=5e-4,
        schedule="cosine",
        clip_norm=1.0,
        ema=0.998,
        mm_every=16,
        fidelity_mse=0.0,
        fidelity_l1=10.0,
        fidelity_ssim=1.0,
        fidelity_blend=5.0,
        fidelity_log=0.04,
        triplets=0.44,
        exposure=0.10,
        single=0.08,
        infrared=0.14,
        tracer=0.06,
        bone=0.05,
        spectral=0.05,
        pansharpening=0.05,
        keep_edges=1.0,
        keep_information=0.7,
        keep_differences=0.3,
        keep_structure=6.0,
        keep_entropy=0.15,
        keep_gradient=6.0,
        exposure_truth=0.5,
        revive=True,
        validate_every=200,
        checkpoint_every=50,
        precision="bf16-mixed",
        seed=2,
    ),
}
RECIPES["bundled-refined"] = dataclasses.replace(
    RECIPES["bundled-deployed"],
    steps=250,
    schedule_steps=700,
    learning_rate=4e-4,
    fidelity_blend=2.0,
    triplets=0.40,
    exposure=0.12,
    infrared=0.20,
    tracer=0.05,
    bone=0.04,
    spectral=0.07,
    pansharpening=0.04,
    keep_differences=0.4,
    keep_gradient=30.0,
    edge_slope=6.0,
    seed=3,
)
RECIPES["bundled-split"] = dataclasses.replace(
    RECIPES["bundled-refined"],
    steps=240,
    schedule_steps=480,
    learning_rate=5e-4,
    keep_differences=0.6,
    keep_entropy=0.1,
    low_contrast=0.5,
    swapped=0.25,
    revive=False,
    split=True,
    seed=4,
)


RECIPES["bundled-final"] = dataclasses.replace(
    RECIPES["bundled-split"],
    steps=400,
    schedule_steps=0,
    learning_rate=4e-4,
    fidelity_l1=20.0,
    fidelity_log=0.08,
    exposure_truth=2.0,
    triplets=0.46,
    infrared=0.18,
    exposure=0.10,
    spectral=0.06,
    single=0.07,
    split=False,
    seed=5,
)

RECIPES["bundled-bands"] = dataclasses.replace(
    RECIPES["bundled-final"],
    model="gifnet",
    steps=4500,
    learning_rate=7e-4,
    fidelity_blend=0.0,
    border=0.5,
    triplets=0.40,
    single=0.12,
    infrared=0.14,
    exposure=0.10,
    tracer=0.07,
    bone=0.05,
    spectral=0.06,
    pansharpening=0.06,
    exposure_truth=1.0,
    validate_every=1000,
    checkpoint_every=100,
    seed=21,
)

RECIPES["bundled-polish"] = dataclasses.replace(
    RECIPES["bundled-bands"],
    steps=700,
    learning_rate=2.5e-4,
    ema=0.995,
    border=0.7,
    fidelity_log=0.12,
    triplets=0.46,
    single=0.10,
    infrared=0.12,
    exposure=0.08,
    seed=22,
)
RECIPES["bundled-warm"] = dataclasses.replace(
    RECIPES["bundled-polish"],
    steps=420,
    learning_rate=5e-4,
    ema=0.99,
    triplets=0.36,
    single=0.08,
    infrared=0.26,
    exposure=0.06,
    tracer=0.06,
    spectral=0.07,
    low_contrast=0.2,
    swapped=0.1,
    keep_warm=40.0,
    night=0.5,
    seed=23,
)
RECIPES["bundled-wide"] = dataclasses.replace(
    RECIPES["bundled-warm"],
    steps=700,
    schedule_steps=1000,
    batch_size=2,
    crop=128,
    learning_rate=4e-4,
    ema=0.995,
    keep_edges=1.3,
    edge_slope=10.0,
    triplets=0.42,
    exposure=0.08,
    infrared=0.21,
    tracer=0.05,
    bone=0.04,
    spectral=0.06,
    night=0.4,
    seed=24,
)
RECIPES["bundled-mosaic"] = dataclasses.replace(
    RECIPES["bundled-wide"],
    steps=560,
    schedule_steps=0,
    learning_rate=5e-4,
    mosaic=0.5,
    exposure=0.07,
    single=0.07,
    infrared=0.24,
    tracer=0.04,
    night=0.5,
    keep_warm=60.0,
    seed=25,
)
RECIPES["bundled-settled"] = dataclasses.replace(
    RECIPES["bundled-mosaic"],
    steps=480,
    learning_rate=3e-4,
    mosaic=0.35,
    triplets=0.52,
    exposure=0.06,
    single=0.06,
    infrared=0.17,
    spectral=0.05,
    keep_warm=40.0,
    seed=26,
)


def recipe(name: str) -> TrainingConfig:
    """Return a named recipe, one of `RECIPES`."""
    if name not in RECIPES:
        raise TrainingError(f"There is no recipe {name!r}; choose one of {sorted(RECIPES)}.")
    return RECIPES[name]
