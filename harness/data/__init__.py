"""Data sets: one columnar form for all of them, crops and augmentation, and the synthetic people."""
