"""Rows and tensors as pictures; one palette throughout the study."""

from paramrel.figures.codes import code_space, disentanglement, known_when, solver_curves
from paramrel.figures.curves import (
    ablation_planes,
    code_time_panels,
    information_curves,
    learning_curves,
    likelihood_bars,
    probes_over_snr,
    probes_over_time,
    reconstruction_errors,
    shuffled_code,
)
from paramrel.figures.data import (
    as_light,
    attribute_balance,
    balance,
    binarizations,
    class_shares,
    contact_sheet,
    factors_alone,
    held_factors,
    image_grid,
)
from paramrel.figures.flows import cost_curves, law_curves, message_panels, path_panels, strips
from paramrel.figures.images import draws_by_label, image_rows, picture
from paramrel.figures.introduction import LABELS, distributions, framework, one_pixel, price_curves
from paramrel.figures.palette import METHOD_COLORS
from paramrel.figures.tasks import (
    conditional_accuracy,
    moved_pixels,
    moved_to_a_class,
    robust_codes,
    smoothness,
)

__all__ = [
    "LABELS",
    "METHOD_COLORS",
    "ablation_planes",
    "as_light",
    "attribute_balance",
    "balance",
    "binarizations",
    "class_shares",
    "code_space",
    "code_time_panels",
    "conditional_accuracy",
    "contact_sheet",
    "cost_curves",
    "disentanglement",
    "distributions",
    "draws_by_label",
    "factors_alone",
    "framework",
    "held_factors",
    "image_grid",
    "image_rows",
    "information_curves",
    "known_when",
    "law_curves",
    "learning_curves",
    "likelihood_bars",
    "message_panels",
    "moved_pixels",
    "moved_to_a_class",
    "one_pixel",
    "path_panels",
    "picture",
    "price_curves",
    "probes_over_snr",
    "probes_over_time",
    "reconstruction_errors",
    "robust_codes",
    "shuffled_code",
    "smoothness",
    "solver_curves",
    "strips",
]
