"""A wheel holds the trained models that a clone has below data/."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithModels(build_py):
    """Copy data/pretrained into the package that is built, where it is."""

    def run(self):
        super().run()
        models = Path("data", "pretrained")
        if models.is_dir() and not self.editable_mode:
            built = Path(self.build_lib, "paramrel", "runs", "trained")
            shutil.copytree(models, built, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithModels})
