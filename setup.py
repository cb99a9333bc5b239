"""The part of the package that is compiled; pyproject.toml has all else."""

import sys

from setuptools import Extension, setup

# As fast as can be without -march: a wheel may run on another processor than it was built on.  A
# product and a sum are rounded one after the other, as NumPy does: both have to give the same bits.
FLAGS = [] if sys.platform == "win32" else ["-O3", "-ffp-contract=off"]

setup(
    ext_modules=[
        Extension(
            "consistency.masks._compiled",
            ["consistency/masks/_compiled.c"],
            extra_compile_args=FLAGS,
            optional=True,  # without a compiler NumPy does the same, more slowly
        )
    ]
)
