"""The paper's test sets in the layouts in which they are published.

Each set is a folder of the set's name below one folder that the user names; the spelling of
names and suffixes does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gifnet.errors import ReadError
from gifnet.evaluation.datasets import Dataset, spread
from gifnet.io import read_images
from gifnet.io.pairs import folders_below, images_in

Pairs = dict[str, tuple[Path, ...]]


@dataclass(frozen=True)
class Layout:
    """The layout of one published data set.

    Attributes
    ----------
    key : str
        What the command calls it.
    title : str
        What the paper calls it.
    folders : tuple of str
        Names that its folder may have, without regard to case and punctuation.
    task : str
        A preset of `gifnet.options.TASKS`.
    roles : tuple of str
        What the sources are, in the network's order.
    pairs : callable
        Returns the pairs of its folder by name.
    described : str
        The layout in words, for error messages and the documentation.
    """

    key: str
    title: str
    folders: tuple[str, ...]
    task: str
    roles: tuple[str, ...]
    pairs: Callable[[Path], Pairs]
    described: str


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def in_folders(*roles: Sequence[str], optional: Sequence[str] = ()) -> Callable[[Path], Pairs]:
    """Return a finder of pairs of equal names in folders of given names, or `test` below them."""

    def of_role(base: Path, names: Sequence[str]) -> dict[str, Path] | None:
        wanted = {_plain(name) for name in names}
        for child in sorted(base.iterdir()):
            if child.is_dir() and _plain(child.name) in wanted:
                test = child / "test"
                return {path.stem: path for path in images_in(test if test.is_dir() else child)}
        return None

    def pairs(root: Path) -> Pairs:
        found: Pairs = {}
        for base in folders_below(root):
            files = [of_role(base, names) for names in roles]
            if any(not of for of in files):
                continue
            complete = [of for of in files if of]
            truth = of_role(base, optional) if optional else None
            for name in sorted(set.intersection(*(set(of) for of in complete))):
                paths = tuple(of[name] for of in complete)
                within = "_".join((*base.relative_to(root).parts, name))
                found[within] = (*paths, truth[name]) if truth and name in truth else paths
        return found

    return pairs


def by_name(first: str, second: str) -> Callable[[Path], Pairs]:
    """Return what finds pairs within a folder by two patterns of their files' stems.

    The patterns' first group is the pair's name. Where a folder has just one file of either
    pattern, these are a pair whatever the groups are.
    """
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in (first, second)]

    def pairs(root: Path) -> Pairs:
        found: Pairs = {}
        for folder in folders_below(root):
            images = images_in(folder)
            matches = [
                {match[1]: path for path in images if (match := pattern.fullmatch(path.stem))}
                for pattern in patterns
            ]
            names = sorted(set(matches[0]) & set(matches[1]))
            within = folder.relative_to(root).parts
            if not names and all(len(match) == 1 for match in matches):
                only = tuple(next(iter(match.values())) for match in matches)
                found["_".join(within) or root.name] = only
            for name in names:
                pair = (matches[0][name], matches[1][name])
                found["_".join(filter(None, (*within, name)))] = pair
        return found

    return pairs


def exposures(root: Path) -> Pairs:
    """Return the first and the last exposure of every numbered sequence."""
    found: Pairs = {}
    for folder in folders_below(root):
        if _plain(folder.name) == "label":
            continue
        images = [path for path in images_in(folder) if path.stem.isdigit()]
        if folder.name.isdigit() and len(images) > 1:
            images.sort(key=lambda path: int(path.stem))
            found["_".join(folder.relative_to(root).parts)] = (images[-1], images[0])
    return found


_IR = r"(?:.*[_ -])?(?:ir|lwir|fir|thermal)\d*"
_VIS = r"(?:.*[_ -])?(?:vis|vi|visible)\d*"

LAYOUTS: dict[str, Layout] = {
    layout.key: layout
    for layout in (
        Layout(
            "lytro", "Lytro", ("Lytro", "LytroDataset"), "mfif", ("near", "far"),
            by_name(r"(.*)[-_]A", r"(.*)[-_]B"), "lytro-01-A.jpg and lytro-01-B.jpg",
        ),
        Layout(
            "mfi-whu", "MFI-WHU", ("MFI-WHU", "MFIWHU", "MFI-WHU-master"), "mfif",
            ("source_1", "source_2", "full_clear"),
            in_folders(("source_1",), ("source_2",), optional=("full_clear",)),
            "source_1/1.jpg, source_2/1.jpg and full_clear/1.jpg",
        ),
        Layout(
            "llvip", "LLVIP", ("LLVIP",), "ivif", ("infrared", "visible"),
            in_folders(("infrared", "ir"), ("visible", "vi", "vis")),
            "infrared/test/190001.jpg and visible/test/190001.jpg",
        ),
        Layout(
            "tno", "TNO", ("TNO", "TNO_Image_Fusion_Dataset"), "ivif", ("infrared", "visible"),
            lambda root: (
                in_folders(("ir", "infrared", "lwir"), ("vi", "vis", "visible"))(root)
                or by_name(f"({_IR}|ir[_ -].*)", f"({_VIS}|vis[_ -].*)")(root)
            ),
            "ir/1.png and vi/1.png, or a folder per scene with IR_name.bmp and VIS_name.bmp",
        ),
        Layout(
            "sice", "SICE", ("SICE", "Dataset_Part1", "Dataset_Part2"), "meif",
            ("over", "under"), exposures, "a numbered folder per scene with 1.JPG, 2.JPG, ...",
        ),
        Layout(
            "vis-nir", "VIS-NIR Scene", ("VIS-NIR Scene", "nirscene", "nirscene1", "nirscene0"),
            "nir", ("nir", "rgb"), by_name(r"(.*)_nir", r"(.*)_rgb"),
            "a folder per category with 0000_nir.tiff and 0000_rgb.tiff",
        ),
        Layout(
            "quickbird", "QuickBird", ("QuickBird", "QB"), "pansharpen", ("ms", "pan"),
            in_folders(("ms", "lrms", "mul"), ("pan",), optional=("reference", "gt", "hrms")),
            "MS/1.tif (bands) and PAN/1.tif, and GT/1.tif if there is one",
        ),
        Layout(
            "harvard", "Harvard", ("Harvard", "PET-MRI", "Havard-Medical-Image-Fusion-Datasets"),
            "medical", ("pet", "mri"), in_folders(("pet",), ("mri",)),
            "PET-MRI/PET/25015.png and PET-MRI/MRI/25015.png",
        ),
    )
}  # fmt: skip


def find_published_sets(data: Path, keys: Sequence[str], limit: int | None = None) -> list[Dataset]:
    """Return the published data sets below a folder, in the order of the paper's Table 2.

    Parameters
    ----------
    data : path
        A folder with one folder per data set.
    keys : sequence of str
        Keys of `LAYOUTS`; all that are there if empty.
    limit : int, optional
        At most so many pairs of each, evenly spaced.

    Raises
    ------
    ReadError
        If a data set that was asked for is not there, none is, or one has no pairs.
    """
    if not data.is_dir():
        raise ReadError(f"There is no folder {str(data)!r}.")
    if unknown := [key for key in keys if key not in LAYOUTS]:
        raise ReadError(f"There is no data set {unknown[0]!r}; choose from {', '.join(LAYOUTS)}.")
    folders: Mapping[str, Path] = {
        _plain(path.name): path for path in (data, *sorted(data.iterdir())) if path.is_dir()
    }
    found = []
    for key, layout in LAYOUTS.items():
        if keys and key not in keys:
            continue
        names = [_plain(name) for name in layout.folders]
        root = next((folders[name] for name in names if name in folders), None)
        if root is None:
            if keys:
                raise ReadError(
                    f"{str(data)!r} has no folder {' or '.join(map(repr, layout.folders))} for "
                    f"{layout.title}: {layout.described}."
                )
            continue
        pairs = layout.pairs(root)
        if not pairs:
            raise ReadError(
                f"{str(root)!r} has no pairs in the layout of {layout.title}: {layout.described}."
            )
        chosen = {name: pairs[name] for name in spread(sorted(pairs), limit)}
        if layout.pairs is exposures:
            chosen = {name: _brighter_first(pair) for name, pair in chosen.items()}
        truth = len({len(pair) for pair in chosen.values()}) == 1
        chosen = {name: pair if truth else pair[:2] for name, pair in chosen.items()}
        roles = (*layout.roles[:2], "reference")[: len(next(iter(chosen.values())))]
        found.append(Dataset(layout.title, root, layout.task, roles, chosen))
    if not found:
        known = ", ".join(repr(layout.folders[0]) for layout in LAYOUTS.values())
        raise ReadError(f"{str(data)!r} has none of the folders {known}.")
    return found


def _brighter_first(pair: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return two exposures, the brighter one first, whichever way a sequence is numbered."""
    means = [float(np.mean(np.asarray(read_images(path)[0].data))) for path in pair]
    return pair if means[0] >= means[1] else pair[::-1]
