"""Stacks: links between neighbours, and the transforms that fit all links."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter

from gifnet.geometry.grid import Matrix
from gifnet.registration.chain import solve_links
from gifnet.registration.correlation import around, turn
from gifnet.registration.links import Link, find_links
from gifnet.registration.transform import shifts

SHAPE = (180, 220)


def scene() -> np.ndarray:
    rng = np.random.default_rng(0)
    fine = gaussian_filter(rng.random((320, 360)), 1.2)
    coarse = gaussian_filter(rng.random((320, 360)), 6)
    return np.asarray(fine / fine.std() + 2 * coarse / coarse.std(), np.float32)


def place(scale: float, angle: float, shift: tuple[float, float]) -> Matrix:
    """Return a map of a slice's indices around the middle."""
    centre = (np.array(SHAPE) - 1) / 2
    return around(scale * turn(np.deg2rad(angle)), centre, np.array(shift))


def take(image: np.ndarray, matrix: Matrix, blur: float, rng: np.random.Generator) -> np.ndarray:
    """Return a slice: the scene under a map, blurred, with noise."""
    offset = np.array([70, 70]) + matrix[:2, 2]
    seen = affine_transform(
        gaussian_filter(image, blur), matrix[:2, :2], offset, output_shape=SHAPE, order=3
    )
    return np.asarray(seen + rng.normal(0, 0.02, SHAPE), np.float32)


def drifting(count: int) -> tuple[list[Matrix], list[np.ndarray]]:
    """Return maps, and slices: sharp in the middle, blurred at the ends, with breathing."""
    rng = np.random.default_rng(1)
    image, maps, slices = scene(), [], []
    for number in range(count):
        away = number - count // 2
        maps.append(place(1 + 0.004 * away, 0.1 * away, (0.8 * away, -0.5 * away)))
        slices.append(take(image, maps[-1], 0.5 + abs(away), rng))
    return maps, slices


def errors(found: list[Matrix | None], maps: list[Matrix], reference: int) -> list[float]:
    """Return the mean distance of each slice's pixels from the truth."""
    result = []
    for matrix, true in zip(found, maps, strict=True):
        assert matrix is not None
        wanted = np.linalg.inv(true) @ maps[reference]
        difference = shifts(matrix, SHAPE) - shifts(wanted, SHAPE)
        result.append(float(np.linalg.norm(difference, axis=1).mean()))
    return result


def solved(slices: list[np.ndarray], kind: str = "similarity") -> tuple[list, list[Link]]:
    links = find_links(slices.__getitem__, len(slices), kind)
    good = [link for link in links if link.holds]
    return solve_links(good, len(slices), len(slices) // 2, kind, SHAPE)


def test_blurred_ends_are_aligned_through_their_neighbours() -> None:
    maps, slices = drifting(9)
    found, dropped = solved(slices)
    assert max(errors(found, maps, 4)) < 0.25
    assert not dropped


@pytest.mark.parametrize("blank", ["constant", "noise", "missing"])
def test_a_blank_slice_is_left_out_and_bridged(blank: str) -> None:
    maps, slices = drifting(7)
    rng = np.random.default_rng(2)
    slices[2] = {
        "constant": np.ones(SHAPE, np.float32),
        "noise": rng.normal(size=SHAPE).astype(np.float32),
        "missing": np.full(SHAPE, np.nan, np.float32),
    }[blank]
    found, _ = solved(slices)
    assert found[2] is None
    rest = [k for k in range(7) if k != 2]
    assert max(errors([found[k] for k in rest], [maps[k] for k in rest], 2)) < 0.3


def test_exposures_are_aligned() -> None:
    rng = np.random.default_rng(3)
    image = scene()
    image = (image - image.min()) / np.ptp(image)
    maps = [place(1, 0.3 * k, (2.0 * k, -1.5 * k)) for k in range(3)]
    slices = [
        np.clip(gain * take(image, matrix, 0.3, rng), 0, 1) ** 0.45
        for gain, matrix in zip((0.15, 1, 2.2), maps, strict=True)
    ]
    found, _ = solved(slices, "rigid")
    assert max(errors(found, maps, 1)) < 0.25


def test_an_outlying_link_is_dropped() -> None:
    maps = [place(1 + 0.002 * k, 0, (k, 0)) for k in range(5)]
    links = [
        Link(a, b, np.linalg.inv(maps[b]) @ maps[a], 0.5, 0.9)
        for a in range(5)
        for b in (a + 1, a + 2)
        if b < 5
    ]
    wrong = Link(1, 2, place(1, 0, (9, 4)), 0.5, 0.9)
    links[2] = wrong
    found, dropped = solve_links(links, 5, 2, "similarity", SHAPE)
    assert dropped == [wrong]
    assert max(errors(found, maps, 2)) < 1e-6
