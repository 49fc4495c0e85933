"""How people name the files and folders of a pair's two sources, and of its ground truth."""

from __future__ import annotations

import re
from itertools import pairwise

#: Words for the first and the second source of each task.
ROLE_WORDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    task: (frozenset(first.split()), frozenset(second.split()))
    for task, first, second in (
        ("ivif", "infrared ir thermal lwir", "visible vis vi rgb"),
        ("nir", "nir nearinfrared", "visible vis vi rgb"),
        ("medical", "pet spect ct fdg", "mri mr t1 t2 flair"),
        ("mfif", "near nearfocus foreground sourcea", "far farfocus background sourceb"),
        ("meif", "over overexposed oe bright long", "under underexposed ue dark short"),
        ("pansharpen", "ms multispectral lrms mul", "pan panchromatic"),
    )
}
#: Words for the ground truth.
REFERENCE_WORDS = frozenset(
    ("reference", "ref", "gt", "groundtruth", "target", "allinfocus", "hrms")
)


def words_of(name: str) -> set[str]:
    """Return the words in a name, joined neighbours and words without their number as well.

    "near-focus" also counts as "nearfocus", "T1" as "t1", "ir2" as "ir".
    """
    words = re.findall(r"[a-z]+\d*|\d+", name.lower())
    joined = {a + b for a, b in pairwise(words)} | {"".join(words)}
    return {*words, *joined, *(word.rstrip("0123456789") for word in words)}
