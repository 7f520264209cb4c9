"""Data sets on a user's disk: what should be there, what is, and what is wrong with it (`harness data`)."""
