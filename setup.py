"""Put the curated notebooks and one recorded incident with its history into the wheel.

They stand at the top of the repository, where a person looks for them, and an installed package
has to carry them. Everything else about the build is in pyproject.toml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# The incident of `workbench investigate` and the quiet stretch it is judged against: 7 MB.
# The others would double the wheel; `--datasets` names a folder that has them.
RECORDED = ("shop-orders-locks", "shop-quiet")


class BuildWithData(build_py):
    """Copies the data beside the modules that read it."""

    def run(self) -> None:
        """Build, then copy; an editable install reads them where they are."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "workbench"
        for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
            self._place(notebook, package / "notebooks" / "curated")
        for incident in RECORDED:
            for file in sorted((ROOT / "datasets" / incident).iterdir()):
                self._place(file, package / "datasets" / "recorded" / incident)

    def _place(self, file: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)


setup(cmdclass={"build_py": BuildWithData})
