"""Results that keep to the range of the sources around every pixel."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from gifnet import Fuser, enhance, fuse
from gifnet.errors import InvalidInputError

OPTIONS = {"device": "cpu", "precision": "float32", "value_range": (0, 1)}
RNG = np.random.default_rng(8)
FIRST, SECOND = (RNG.random((90, 75)) ** 2).astype(np.float32), RNG.random((90, 75), np.float32)


def limited(result, overshoot, *sources):
    """Return the result clipped as SciPy's filters say."""

    def range_of(side):
        # Beyond the border there is nothing, which for an extreme is the same as its mirror.
        highest = np.max([maximum_filter(s, side, mode="mirror") for s in sources], axis=0)
        return np.min([minimum_filter(s, side, mode="mirror") for s in sources], axis=0), highest

    (low, high), (least, greatest) = range_of(5), range_of(9)
    allowed = overshoot * (greatest - least)
    return np.clip(result, low - allowed, high + allowed)


@pytest.mark.parametrize("overshoot", [0, 0.03, 0.5])
@pytest.mark.parametrize("tile", [0, 40])
def test_results_are_clipped_to_their_surroundings(
    random_weights: Path, overshoot: float, tile: int
) -> None:
    options = OPTIONS | {"weights": random_weights}
    free = fuse(FIRST, SECOND, **options)
    found = fuse(FIRST, SECOND, **options, overshoot=overshoot, tile=tile, memory=0)
    # Sources in [0, 1]: where the range itself ends, the result ends too.
    expected = np.clip(limited(free, overshoot, FIRST, SECOND), 0, 1)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert overshoot == 0.5 or (expected != free).any()


def test_auto_limits_enhancement_alone(random_weights: Path) -> None:
    options = OPTIONS | {"weights": random_weights}
    free = enhance(FIRST, **options, overshoot=None)
    np.testing.assert_array_equal(free, fuse(FIRST, FIRST, **options))
    expected = limited(free, 0.03, FIRST)
    assert (expected != free).any()
    np.testing.assert_allclose(enhance(FIRST, **options), expected, atol=1e-6)
    fuser = Fuser(**options)
    enhanced = fuser.run_enhancement(FIRST)
    np.testing.assert_array_equal(enhanced.image, enhance(FIRST, **options))
    assert enhanced.record["overshoot"] == 0.03
    assert fuser.options.overshoot == "auto"
    assert fuser.run(FIRST, SECOND).record["overshoot"] is None
    assert fuser.provenance()["overshoot"] is None


@pytest.mark.parametrize("model", ["efrufn", "frufn"])
def test_every_model_can_be_limited(model: str, tmp_path: Path) -> None:
    import torch

    from gifnet.models.registry import model_spec
    from gifnet.models.weights import save_weights

    torch.manual_seed(3)
    module = model_spec(model).build()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path / "weights.safetensors"
    save_weights(module, path, {})
    options = OPTIONS | {"weights": path, "model": model}
    found = fuse(FIRST, SECOND, **options, overshoot=0)
    expected = limited(fuse(FIRST, SECOND, **options), 0, FIRST, SECOND)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("low", "high"), [(20, 235), (60, 180), (100, 140), (120, 128)])
def test_enhanced_steps_have_no_halos(low: int, high: int) -> None:
    """With the bundled weights, within 5 % of the step or the nearest grey level."""
    step = np.full((64, 64), low, np.uint8)
    step[:, 32:] = high
    enhanced = enhance(step, device="cpu").astype(float)
    allowed = max(0.05 * (high - low), 0.5)
    assert enhanced.max() <= high + allowed
    assert enhanced.min() >= low - allowed


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "much", True, (0.1,)])
def test_what_is_no_share_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"overshoot is .* share of the local range"):
        fuse(FIRST, SECOND, overshoot=value)
