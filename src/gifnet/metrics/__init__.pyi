from .bands import d_lambda, d_s, ergas, q4, qnr, sam, uqi, uqi_of_bands
from .edges import PETROVIC_2005, XYDEAS_2000, EdgeModel, nabf, qabf
from .features import fmi
from .fidelity import vif, vif_of_sources
from .gradients import average_gradient, edge_intensity, spatial_frequency
from .information import (
    cross_entropy,
    entropy,
    mutual_information,
    normalised_mutual_information,
)
from .lesser import kept, vif_lesser
from .measure import evaluate
from .registry import METRICS, Metric, metric
from .similarity import mef_ssim, ms_ssim, ms_ssim_of_sources, ssim, ssim_of_sources
from .statistics import (
    correlation_coefficient,
    mse,
    mse_of_sources,
    psnr,
    psnr_of_sources,
    scd,
    standard_deviation,
)

__all__ = [
    "METRICS",
    "PETROVIC_2005",
    "XYDEAS_2000",
    "EdgeModel",
    "Metric",
    "average_gradient",
    "correlation_coefficient",
    "cross_entropy",
    "d_lambda",
    "d_s",
    "edge_intensity",
    "entropy",
    "ergas",
    "evaluate",
    "fmi",
    "kept",
    "mef_ssim",
    "metric",
    "ms_ssim",
    "ms_ssim_of_sources",
    "mse",
    "mse_of_sources",
    "mutual_information",
    "nabf",
    "normalised_mutual_information",
    "psnr",
    "psnr_of_sources",
    "q4",
    "qabf",
    "qnr",
    "sam",
    "scd",
    "spatial_frequency",
    "ssim",
    "ssim_of_sources",
    "standard_deviation",
    "uqi",
    "uqi_of_bands",
    "vif",
    "vif_lesser",
    "vif_of_sources",
]
