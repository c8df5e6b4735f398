"""The build step that gives the C extensions the folder of NumPy's headers, which only the installed NumPy knows."""

import numpy
from setuptools.command.build_ext import build_ext


class BuildWithNumpy(build_ext):
    """build_ext that finds numpy/arrayobject.h."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.include_dirs.append(numpy.get_include())
