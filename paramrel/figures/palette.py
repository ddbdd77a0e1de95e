"""One palette for the methods, throughout the study."""

import seaborn as sns

from paramrel.models.methods import METHODS

__all__ = ["METHOD_COLORS"]

COLORS = sns.color_palette("colorblind")
DARK = sns.color_palette("dark")
PALE = sns.color_palette("pastel")
CHOSEN = {
    "ae": DARK[2],
    "vae": COLORS[3],
    "beta_vae": COLORS[5],
    "infovae": DARK[5],
    "diffae": COLORS[8],
    "infodiffusion": COLORS[9],
    "infodiffusion_stochastic": DARK[9],
    "ddpm": DARK[7],
    "ddpm_theta": DARK[0],
    "bfn": COLORS[7],
    "bfn_evidence": DARK[3],
    "paramrel": COLORS[0],
    "paramrel_evidence": DARK[8],
    "paramrel_mean_evidence": DARK[1],
    "paramrel_same": COLORS[1],
    "paramrel_clean": COLORS[2],
    "paramrel_mean": DARK[4],
    "paramrel_x": COLORS[4],
    "paramrel_xt": COLORS[6],
    "paramrel_deterministic": PALE[0],
    "paramrel_clean_deterministic": PALE[2],
    "paramrel_x_deterministic": PALE[4],
}
# A method for which none was chosen has a colour of its own all the same.
METHOD_COLORS = dict(zip(METHODS, sns.husl_palette(len(METHODS)), strict=True)) | CHOSEN

sns.set_theme(context="notebook", style="ticks", rc={"figure.dpi": 80, "axes.titlesize": "medium"})
