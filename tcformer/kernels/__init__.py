"""Triton kernels for CUDA; each has a plain torch twin elsewhere in the package."""
