"""A benchmark and reproducibility harness for whole-body human pose estimation."""

__version__ = "0.1.0"
