"""What pyproject.toml cannot say: the files of a data space, at the top, go into the package."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
#: As `januspore.run.new.FILES`; a test compares.
SPACE = ("project.py", "init.py", "signac.rc", "workflow.toml", "Makefile", "studies", "templates")


class WithSpace(build_py):
    """Puts a copy into the package that is built; a checkout that is installed keeps its own."""

    def run(self) -> None:
        """Build the package, then add the files."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "januspore", "skeleton")
        target.mkdir(parents=True, exist_ok=True)
        for name in SPACE:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True)
            else:
                shutil.copyfile(ROOT / name, target / name)


setup(cmdclass={"build_py": WithSpace})
