"""Methods on focus stacks with a known sharp image, and optionally a known depth."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..classical import CLASSICAL_METHODS
from ..errors import InvalidInputError, ReadError
from ..fusion.fuser import Fuser
from ..imaging.colour import luminance
from ..io.files import read_image, write_image
from ..io.pairs import images_in, natural_order, stem_of, subfolders
from ..metrics.similarity import ssim
from ..models.registry import MODELS
from ..models.weights import load_weights
from ..progress import Progress, Reporter
from ..tasks import REFERENCE_WORDS, words_of
from ..workflows.stacks.alignment import align_stack
from ..workflows.stacks.fuser import FusedStack, StackFuser
from .methods import bundled_models
from .pair import fingerprint
from .run import Row
from .store import Key, Store
from .tables import means, number

_TRUTHS = REFERENCE_WORDS | {"truth", "expected"}
_DEPTH = "depth"
#: Change it if a figure changes its meaning.
_VERSION = "1"
_FOLDERS = 3
#: The figures, and whether more is better.
FIGURES = {
    "PSNR": True,
    "SSIM": True,
    "slice error": False,
    "depth error": False,
    "depth found": True,
    "seconds": False,
}


@dataclass(frozen=True)
class StackData:
    """A focus stack with its truth.

    Attributes
    ----------
    name : str
    slices : tuple of Path
        In natural order.
    truth : Path
        The sharp image, on the grid of the reference slice.
    depth : Path or None
        The depth of every pixel in slices, from 0.
    """

    name: str
    slices: tuple[Path, ...]
    truth: Path
    depth: Path | None


@dataclass(frozen=True)
class StackMethod:
    """A classical method or a network, as it fuses stacks.

    Attributes
    ----------
    name : str
    method : str
        As in `gifnet.fuse_stack`.
    fuser : Fuser
    """

    name: str
    method: str
    fuser: Fuser

    @property
    def version(self) -> str:
        if self.method != "network":
            return f"{self.method} {_VERSION}"
        return f"{self.fuser.model} {self.fuser.weights.sha256[:16]} {_VERSION}"


def find_stacks(folders: Iterable[str | Path]) -> list[StackData]:
    """Return the stacks in folders and their sub-folders.

    A stack is a folder with two or more slices, the truth (a name such as truth, reference or
    expected) and optionally ``depth.tif``.

    Raises
    ------
    ReadError
        If a folder has none.
    """
    found: list[StackData] = []
    for root in map(Path, folders):
        if not root.is_dir():
            raise ReadError(f"There is no folder {str(root)!r}.")
        here = list(_below(root, _FOLDERS))
        if not here:
            raise ReadError(
                f"{str(root)!r} has no stack with truth: a folder of slices with one image more, "
                "called truth, reference or expected, and optionally depth.tif."
            )
        found += here
    names = [stack.name for stack in found]
    if double := {name for name in names if names.count(name) > 1}:
        raise InvalidInputError(f"Two stacks are called {double.pop()!r}; rename one.")
    return found


def _below(root: Path, levels: int) -> Iterable[StackData]:
    images = images_in(root)
    truths = [path for path in images if words_of(stem_of(path.name)) & _TRUTHS]
    depths = [path for path in images if stem_of(path.name).lower() == _DEPTH]
    slices = [path for path in images if path not in truths and path not in depths]
    if len(truths) == 1 and len(slices) > 1:
        yield StackData(
            root.resolve().name,
            tuple(natural_order(slices)),
            truths[0],
            depths[0] if depths else None,
        )
    elif levels:
        for child in subfolders(root):
            yield from _below(child, levels - 1)


def make_stack_methods(
    names: Sequence[str] | None, weights: Mapping[str, Path], device: str = "auto"
) -> list[StackMethod]:
    """Return methods by name: classical ones, bundled models with shares, and weights files.

    Raises
    ------
    InvalidInputError
        If a name is unknown.
    """
    known = [name for name in bundled_models() if MODELS[name].has_share]
    wanted = [*CLASSICAL_METHODS, "shares"] if names is None else list(names)
    plain = Fuser(model="shares", device=device)
    methods = []
    for name in wanted:
        if name in CLASSICAL_METHODS:
            methods.append(StackMethod(name, name, plain))
        elif name in known:
            methods.append(StackMethod(name, "network", plain.with_options(model=name)))
        else:
            raise InvalidInputError(
                f"There is no method {name!r} for stacks; choose from "
                f"{', '.join([*CLASSICAL_METHODS, *known])}, or name a weights file (--weights)."
            )
    for name, path in weights.items():
        own = Fuser(model=load_weights(path).model, weights=str(path), device=device)
        methods.append(StackMethod(name, "network", own))
    return methods


def evaluate_stacks(
    stacks: Sequence[StackData],
    methods: Sequence[StackMethod],
    out: Path,
    *,
    align: str = "none",
    crop: int = 0,
    progress: Progress = None,
) -> list[Row]:
    """Measure methods on stacks. Results stored in `out` are reused; pictures are written there.

    Parameters
    ----------
    stacks, methods
        From `find_stacks` and `make_stack_methods`.
    out : Path
        The folder of ``stacks.jsonl`` and ``pictures``.
    align : str
        As in `gifnet.fuse_stack`.
    crop : int
        Crop longer sides to this many pixels in the middle; 0 keeps them whole.
    progress : callable or progress bar, optional
        Advances by one per method and stack.

    Returns
    -------
    list of Row
        One per stack and method.
    """
    out.mkdir(parents=True, exist_ok=True)
    store, rows, reporter = Store(out / "stacks.jsonl"), [], Reporter(progress)
    reporter.expect(len(stacks) * len(methods))
    for stack in stacks:
        paths = (*stack.slices, stack.truth, *([stack.depth] if stack.depth else []))
        print_of, read, transforms = fingerprint(paths, crop), None, None
        for method in methods:
            key = Key("stacks", stack.name, print_of, method.name, f"{method.version} {align}")
            if not store.get(key):
                read = read or _read(stack, crop)
                slices, truth, depth = read
                if align != "none" and transforms is None:
                    transforms = align_stack(slices, align=align).transforms
                began = time.perf_counter()
                found = StackFuser(method.fuser).fuse(
                    slices, method=method.method, transforms=transforms, depth=True
                )
                seconds = time.perf_counter() - began
                store.put(key, {**_figures(found, truth, depth), "seconds": seconds})
                path = out / "pictures" / stack.name / f"{method.name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = np.ma.filled(found.image, 0)
                write_image(path, image, axes="YX" if image.ndim == 2 else "YXS")
            values = {name: value for name, value in store.get(key).items() if value is not None}
            rows.append(Row("stacks", stack.name, method.name, key.version, values))
            reporter.advance()
    return rows


_Plane = npt.NDArray[np.floating]
_Read = tuple[list[npt.NDArray[np.generic]], _Plane, _Plane | None]


def _read(stack: StackData, crop: int) -> _Read:
    """Return the slices, the luminance of the truth, and the depth, cropped."""
    pictures = [np.asarray(read_image(path).data) for path in (*stack.slices, stack.truth)]
    for path, picture in zip((*stack.slices, stack.truth), pictures, strict=True):
        if picture.dtype != np.uint8 or picture.shape[:2] != pictures[0].shape[:2]:
            raise InvalidInputError(
                f"{str(path)!r} has {picture.shape[:2]} pixels of {picture.dtype}; slices and "
                f"truth are 8-bit images of one size, here {pictures[0].shape[:2]}."
            )
    depth = None if stack.depth is None else np.asarray(read_image(stack.depth).data, np.float64)
    if depth is not None and depth.shape != pictures[0].shape[:2]:
        raise InvalidInputError(
            f"{str(stack.depth)!r} has shape {depth.shape}; the slices have "
            f"{pictures[0].shape[:2]} pixels."
        )
    at = tuple(_middle(side, crop) for side in pictures[0].shape[:2])
    truth = pictures[-1][at].astype(np.float64)
    plane = luminance(truth[..., :3]) if truth.ndim == 3 else truth
    return [one[at] for one in pictures[:-1]], plane, None if depth is None else depth[at]


def _middle(side: int, crop: int) -> slice:
    start = (side - crop) // 2 if 0 < crop < side else 0
    return slice(start, start + crop if 0 < crop < side else side)


def _figures(
    found: FusedStack,
    truth: npt.NDArray[np.floating],
    depth: npt.NDArray[np.floating] | None,
) -> dict[str, float | None]:
    image = np.ma.filled(found.image, 0).astype(np.float64)
    plane = luminance(image[..., :3]) if image.ndim == 3 else image
    loss = float(np.square(plane - truth).mean())
    figures: dict[str, float | None] = {
        "PSNR": 10 * math.log10(255**2 / loss) if loss else math.inf,
        "SSIM": float(ssim(plane, truth)),
    }
    if depth is not None and found.depth is not None:
        known = np.isfinite(found.depth)
        figures["slice error"] = float(np.abs(found.sharpest - depth).mean())
        figures["depth error"] = float(np.abs(found.depth - depth)[known].mean())
        figures["depth found"] = float(known.mean())
    return figures


def stack_table(rows: Sequence[Row]) -> str:
    """Return the means over the stacks as Markdown; the best values are bold."""
    table = means(rows)
    names = [name for name in FIGURES if any(name in values for values in table.values())]
    titles = [f"{name} {'↑' if FIGURES[name] else '↓'}" for name in names]
    lines = [
        "# Evaluation of stacks",
        "",
        f"Means over {len({row.pair for row in rows})} stacks. PSNR in dB, errors in slices, time "
        "per stack with the measurement of depth, without the search for transforms.",
        "",
        f"| method | {' | '.join(titles)} |",
        "|---|" + "---:|" * len(names),
    ]
    for method, values in table.items():
        cells = []
        for name in names:
            known = [row[name] for row in table.values() if name in row]
            best = max(known) if FIGURES[name] else min(known)
            text = number(values[name]) if name in values else ""
            cells.append(f"**{text}**" if text and values[name] == best else text)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def stack_csv(rows: Sequence[Row]) -> str:
    """Return one line per stack and method."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["stack", "method", "version", *FIGURES])
    for row in rows:
        scores = [f"{row.scores[name]:.8g}" if name in row.scores else "" for name in FIGURES]
        writer.writerow([row.pair, row.method, row.version, *scores])
    return file.getvalue()
