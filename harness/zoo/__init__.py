"""Weights in and out: published files by name, files of other projects, and weights to give away."""
