"""Training: the loop, schedules, losses and checkpoints."""
