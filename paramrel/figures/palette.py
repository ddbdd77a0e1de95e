"""One palette for the methods, throughout the study."""

import seaborn as sns

COLORS = sns.color_palette("colorblind")
DARK = sns.color_palette("dark")
METHOD_COLORS = {
    "ae": DARK[2],
    "vae": COLORS[3],
    "beta_vae": COLORS[5],
    "infovae": DARK[5],
    "diffae": COLORS[8],
    "infodiffusion": COLORS[9],
    "bfn": COLORS[7],
    "paramrel": COLORS[0],
    "paramrel_same": COLORS[1],
    "paramrel_clean": COLORS[2],
    "paramrel_x": COLORS[4],
    "paramrel_xt": COLORS[6],
}

sns.set_theme(context="notebook", style="ticks", rc={"figure.dpi": 80, "axes.titlesize": "medium"})
