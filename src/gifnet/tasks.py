"""The table of fusion tasks, with the words that identify their sources in file names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

#: The model if none is named.
DEFAULT_MODEL = "shares"


@dataclass(frozen=True)
class Task:
    """One kind of image pair.

    The default model needs no task: one set of weights serves all, in any order. A task defines
    the roles of the sources, which some models need, the words for both, and the most suitable
    metrics.

    Attributes
    ----------
    name : str
        As in ``fuse(..., task=name)``.
    title : str
        For menus and tables.
    first, second : str
        Labels of the sources.
    first_words, second_words : frozenset of str
        Words in file and folder names, in lower case, that identify a source.
    best_model : str
        The model with the best measured quality (docs/quality.md).
    weights : str
        The training stage whose weights serve the task, in models with weights per task; empty if
        none does.
    telling_metrics : tuple of str
        The three most informative metrics.
    """

    name: str
    title: str
    first: str
    second: str
    first_words: frozenset[str]
    second_words: frozenset[str]
    best_model: str
    weights: str
    telling_metrics: tuple[str, str, str]

    @property
    def words(self) -> tuple[frozenset[str], frozenset[str]]:
        """The words for the first and for the second source."""
        return self.first_words, self.second_words

    @property
    def short_title(self) -> str:
        """The title without the part in brackets."""
        return self.title.partition(" (")[0]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="ivif",
            title="Infrared and visible",
            first="Infrared",
            second="Visible",
            first_words=_words("infrared ir thermal lwir"),
            second_words=_words("visible vis vi rgb"),
            best_model="shares",
            weights="ivif",
            telling_metrics=("kept", "VIF-lesser", "Qabf"),
        ),
        Task(
            name="nir",
            title="Near-infrared and visible",
            first="Near-infrared",
            second="Visible",
            first_words=_words("nir nearinfrared"),
            second_words=_words("visible vis vi rgb"),
            best_model="shares",
            weights="ivif",
            telling_metrics=("kept", "VIF-lesser", "Nabf"),
        ),
        Task(
            name="medical",
            title="Medical (PET, SPECT or CT and MRI)",
            first="PET, SPECT or CT",
            second="MRI",
            first_words=_words("pet spect ct fdg"),
            second_words=_words("mri mr t1 t2 flair"),
            best_model="shares",
            weights="meif",  # as published, Wang et al., Sec. 4.5
            telling_metrics=("kept", "VIF-lesser", "Qabf"),
        ),
        Task(
            name="mfif",
            title="Multi-focus",
            first="Near focus",
            second="Far focus",
            first_words=_words("near nearfocus foreground sourcea"),
            second_words=_words("far farfocus background sourceb"),
            best_model="efrufn",
            weights="mfif",
            telling_metrics=("Qabf", "Nabf", "SF"),
        ),
        Task(
            name="meif",
            title="Multi-exposure",
            first="Over-exposed",
            second="Under-exposed",
            first_words=_words("over overexposed oe bright long"),
            second_words=_words("under underexposed ue dark short"),
            best_model="shares",
            weights="meif",
            telling_metrics=("MEF-SSIM", "kept", "VIF-lesser"),
        ),
        Task(
            name="pansharpen",
            title="Pansharpening",
            first="Multispectral",
            second="Panchromatic",
            first_words=_words("ms multispectral lrms mul"),
            second_words=_words("pan panchromatic"),
            best_model="shares",
            weights="",
            telling_metrics=("kept", "VIF-lesser", "Qabf"),
        ),
    )
}
#: Words for the ground truth.
REFERENCE_WORDS = _words("reference ref gt groundtruth target allinfocus hrms")


def best_model(task: str | None) -> str:
    """Return the model with the best measured quality for a task, None for any pair."""
    return TASKS[task].best_model if task else DEFAULT_MODEL


def words_of(name: str) -> set[str]:
    """Return the words in a name, joined neighbours and words without their number as well.

    "near-focus" also counts as "nearfocus", "T1" as "t1", "ir2" as "ir".
    """
    words = re.findall(r"[a-z]+\d*|\d+", name.lower())
    joined = {a + b for a, b in pairwise(words)} | {"".join(words)}
    return {*words, *joined, *(word.rstrip("0123456789") for word in words)}
