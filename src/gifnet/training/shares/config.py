"""The training settings of Shares, saved next to the weights."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from ...errors import TrainingError
from ..recipes import read_recipe
from ..settings import FidelitySettings, RunSettings, SourceSettings, Value, fraction, weight

#: Shares of steps; the samples of all other steps are pairs.
STEPS = ("single", "stacks", "brackets", "own_stacks")
#: Shares of pairs; the rest are synthetic multi-focus pairs.
PAIRS = (
    "triplets", "twice", "infrared", "own_pairs", "exposure", "tracer", "bone", "spectral",
    "pansharpening",
)  # fmt: skip
#: The network takes planes whose sides are multiples of this.
GRID = 64

_PHASE = re.compile(r"((?:\d+x\d+ +)*\d+x\d+)(?: +until +(\d*\.?\d+))?")


class BatchSize(NamedTuple):
    """The side of square crops in pixels, and the number of pairs in a batch."""

    crop: int
    pairs: int


class Phase(NamedTuple):
    """Batch sizes, taken in turn, until a part of all steps is done."""

    sizes: tuple[BatchSize, ...]
    until: float


def parse_batches(text: str) -> tuple[Phase, ...]:
    """Return the phases in a text such as "128x5 until 0.5, 256x2 192x3".

    Raises
    ------
    TrainingError
        If the text has another form.
    """
    phases: list[Phase] = []
    for part in text.split(","):
        found = _PHASE.fullmatch(part.strip())
        if found is None:
            raise TrainingError(
                f"batches is {text!r}; give phases such as '128x5 until 0.5, 256x2 192x3': "
                "the side of crops and the pairs in a batch, until which part of the steps."
            )
        numbers = (tuple(map(int, size.split("x"))) for size in found[1].split())
        sizes = tuple(BatchSize(*each) for each in numbers)
        phases.append(Phase(sizes, float(found[2] or 1)))
    ends = [phase.until for phase in phases]
    if ends[-1] != 1 or sorted(set(ends)) != ends:
        raise TrainingError(f"batches is {text!r}; its phases must go up to 1, the last step.")
    for size in (size for phase in phases for size in phase.sizes):
        if size.crop % GRID or not size.crop or not size.pairs:
            raise TrainingError(
                f"batches is {text!r}; crops must be multiples of {GRID} pixels, and a batch "
                "needs at least one pair."
            )
    return tuple(phases)


@dataclass(frozen=True)
class SharesConfig(RunSettings, FidelitySettings, SourceSettings):
    """The settings of a training run of Shares."""

    TRAINABLE = ("shares",)
    TITLE = "training of Shares"

    model: str = "shares"
    #: phases of the run, see `parse_batches`
    batches: str = "128x4"
    #: shares of steps on one image to sharpen, synthetic focus stacks of 3 to 9 images, brackets
    #: of 3 exposures, and the data's own stacks of 3 to 9 images, if it has any
    single: float = fraction()
    stacks: float = fraction()
    brackets: float = fraction()
    own_stacks: float = fraction()
    #: shares of pairs that are multi-focus triplets on disk, one image given twice, infrared and
    #: visible, the data's own pairs, synthetic exposures, and stand-ins for PET and MRI, CT and
    #: MRI, near infrared and visible, multispectral and PAN (`gifnet.training.data.modalities`).
    #: The shares of what the data has not are dealt out to the others.
    triplets: float = fraction()
    twice: float = fraction()
    infrared: float = fraction()
    own_pairs: float = fraction()
    exposure: float = fraction()
    tracer: float = fraction()
    bone: float = fraction()
    spectral: float = fraction()
    pansharpening: float = fraction()
    #: share of the triplets' crops that are chosen to contain a border of focus
    border: float = fraction()
    #: shares of infrared pairs seen as by other sensors, and flat except for what is warm
    varied: float = fraction()
    night: float = fraction()
    #: weights of values outside the range of all sources nearby, with and without ground truth
    inside_truth: float = weight()
    inside_sources: float = weight()

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_batches(self.batches)
        for names, of in ((STEPS, "steps"), (PAIRS, "pairs")):
            if (total := sum(getattr(self, name) for name in names)) > 1 + 1e-9:
                raise TrainingError(
                    f"{', '.join(names)} add up to {total:g}; they are shares of all {of}, at "
                    "most 1 together."
                )

    def batch_size(self, step: int) -> BatchSize:
        """Return the batch size of a step."""
        phases = parse_batches(self.batches)
        phase = next((p for p in phases if step < p.until * self.steps), phases[-1])
        return phase.sizes[step % len(phase.sizes)]


def recipe(name: str = "shares", **changes: Value) -> SharesConfig:
    """Return a recipe of the package with settings changed."""
    return SharesConfig.from_dict(read_recipe("shares", name) | changes, f"recipe {name!r}")
