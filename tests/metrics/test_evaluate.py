"""`gifnet.metrics.evaluate` and the registry."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from gifnet import GifnetError, metrics
from gifnet.imaging.colour import luminance
from gifnet.metrics import METRICS, evaluate
from tests.helpers.metrics_samples import four_bands, plane, triple


def test_everything_that_planes_allow_is_measured() -> None:
    a, b, f = triple(0, 48, 52)
    values = evaluate(a, b, f)
    assert list(values) == [m.name for m in METRICS.values() if set(m.needs) <= {"sources"}]
    assert all(np.isfinite(list(values.values())))
    assert values["Qabf"] == metrics.qabf(a, b, f)
    assert values["VIF"] == metrics.vif_of_sources(a, b, f)
    with_reference = evaluate(a, b, f, a)
    assert set(with_reference) - set(values) == {
        m.name for m in METRICS.values() if m.needs == ("reference",)
    }
    assert with_reference["PSNR-ref"] == metrics.psnr(f, a)


def test_the_scale_does_not_matter() -> None:
    a, b, f = triple(1, 48, 48)
    names = ["EN", "AG", "MI", "Qabf", "VIF", "SSIM", "PSNR", "MSE", "FMI", "Nabf"]
    expected = evaluate(a, b, f, metrics=names)
    for scale in (1.0, 65535.0):
        scaled = (p / 255 * scale for p in (a, b, f))
        assert evaluate(*scaled, metrics=names, data_range=scale) == pytest.approx(
            expected, abs=1e-4
        )
    assert list(evaluate(a, b, f, metrics=["scd", METRICS["EN"]])) == ["SCD", "EN"]


def test_another_convention_is_another_function() -> None:
    a, b, f = triple(1, 20, 20)
    compute = partial(metrics.average_gradient, differences="central")
    central = replace(METRICS["AG"], compute=compute)
    assert evaluate(a, b, f, metrics=[central]) == {"AG": compute(f)}


def test_colour_is_measured_by_its_luminance() -> None:
    a, b, f = triple(2, 48, 48)
    rgb = np.stack([f, f // 2, f // 3], axis=-1)
    y = luminance(rgb.astype(float))
    assert evaluate(a, b, rgb, metrics=["SD"])["SD"] == pytest.approx(float(y.std()))


def test_small_planes_leave_out_what_does_not_fit() -> None:
    a, b, f = triple(3, 20, 20)
    values = evaluate(a, b, f)
    assert "VIF" not in values
    assert "SSIM" in values
    with pytest.raises(GifnetError, match="VIF needs sides of at least 41"):
        evaluate(a, b, f, metrics=["VIF"])


def test_bands_are_averaged_and_judged_as_spectra() -> None:
    reference, ms = four_bands(0), four_bands(0)[:, 2::4, 2::4]
    pan = plane(1, 64, 64)
    fused = reference + np.random.default_rng(0).normal(size=reference.shape)
    values = evaluate(ms, pan, fused, reference)
    assert set(values) == set(METRICS)
    assert values["ERGAS"] == pytest.approx(metrics.ergas(fused, reference, ratio=4))
    assert values["QNR"] == pytest.approx(metrics.qnr(fused, ms, pan))
    assert values["EN"] == pytest.approx(np.mean([metrics.entropy(band) for band in fused]))
    # The sources' bands at the result's size are taken as they are.
    same = evaluate(reference, pan, fused, reference)
    assert set(METRICS) - set(same) == {"D_lambda", "D_s", "QNR"}
    expected = [metrics.scd(reference[i], pan, fused[i]) for i in range(4)]
    assert same["SCD"] == pytest.approx(np.mean(expected))
    assert abs(values["SCD"] - same["SCD"]) < 0.2


@pytest.mark.parametrize(
    ("arguments", "options", "word"),
    [
        (lambda a: (a, a, a[:-1]), {}, "one grid"),
        (lambda a: (a[:-1], a, a), {}, "first source"),
        (lambda a: (a, a, a), {"metrics": ["Qab"]}, "known are EN"),
        (lambda a: (a, a, a), {"metrics": ["PSNR-ref"]}, "a reference"),
        (lambda a: (a, a, a), {"metrics": ["QNR"]}, "bands"),
        (lambda a: (a, a, a), {"data_range": 0}, "data_range is 0"),
        (lambda a: (np.stack([a] * 4), a, a), {}, "same bands"),
        (lambda a: (np.stack([a] * 2), a, np.stack([a] * 3)), {}, "same bands"),
        (lambda a: (a, a, a[None, None]), {}, "planes"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: object, options: dict, word: str) -> None:
    with pytest.raises(GifnetError, match=word):
        evaluate(*arguments(plane(0)), **options)  # type: ignore[operator]


def test_the_registry_describes_every_metric() -> None:
    for name, m in METRICS.items():
        assert m.name == name
        assert m.title
        assert set(m.needs) <= {"sources", "reference", "bands"}
        assert m.version >= 1
    assert metrics.metric("qabf") is METRICS["Qabf"]
    lower = {name for name, m in METRICS.items() if not m.higher_is_better}
    assert lower == {"CE", "Nabf", "MSE", "MSE-ref", "SAM", "ERGAS", "D_lambda", "D_s"}


def test_measuring_needs_no_network() -> None:
    code = "import sys, gifnet.metrics; print('torch' in sys.modules, 'skimage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
