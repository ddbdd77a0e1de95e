"""Rows and tensors as pictures; one palette throughout the study.

Each file's `__all__` says what of it stands here: a new figure is a function and its name there.
"""

# ruff: noqa: F403
from paramrel.figures.codes import *
from paramrel.figures.curves import *
from paramrel.figures.data import *
from paramrel.figures.flows import *
from paramrel.figures.images import *
from paramrel.figures.introduction import *
from paramrel.figures.palette import *
from paramrel.figures.tables import *
from paramrel.figures.tasks import *
from paramrel.figures.texts import *
from paramrel.figures.trials import *
