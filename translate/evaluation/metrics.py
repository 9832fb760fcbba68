"""All metrics by name: importing this makes them known. A metric is a file of this folder and a line here."""

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
)

__all__ = ["GROUPS", "METRICS", "Judged", "Measured", "Metric", "Tools", "Unmeasurable", "chosen_metrics", "take"]
