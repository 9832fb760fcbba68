"""All metrics by name: importing this makes them known. A metric is a file of this folder and a line here."""

from translate.evaluation import (  # noqa: F401  (they register what they hold)
    distances,
    diversity,
    domain,
    perceptual,
    similarity,
    structure,
)
from translate.evaluation.metric import (
    GROUPS,
    METRICS,
    Judged,
    Measured,
    Metric,
    Tools,
    Unmeasurable,
    chosen_metrics,
    take,
    versions,
)

__all__ = [
    "GROUPS",
    "METRICS",
    "Judged",
    "Measured",
    "Metric",
    "Tools",
    "Unmeasurable",
    "chosen_metrics",
    "take",
    "versions",
]

GROUPS |= {
    "fid": ("fid_clean", "kid_clean"),  # FID of few pictures is not to be read without KID
    "kid": ("kid_clean",),
    "pytorch_fid": ("fid_pytorch", "kid_pytorch"),
    "inception": ("fid_clean", "kid_clean", "precision_clean", "recall_clean", "fid_pytorch", "kid_pytorch"),
    "truth": ("lpips_truth", "lpips_vgg_truth", "ssim_truth", "psnr_truth"),
    "content": ("structure_gradients", "structure_alex", "lpips_input", "changed_rms"),
    "diversity": ("diversity_pixels", "diversity_lpips"),
    "domain": ("domain_share", "domain_distance"),
    "offline": (  # no weights have to be fetched
        *("domain_share", "domain_distance", "structure_gradients", "changed_rms", "diversity_pixels"),
        *("ssim_truth", "psnr_truth"),
    ),
    "quick": ("ssim_truth", "psnr_truth", "structure_gradients", "changed_rms"),  # nothing to learn either
}
GROUPS["all"] = tuple(METRICS.names())
