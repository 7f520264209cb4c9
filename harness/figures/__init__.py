"""Figures of what networks see: key points over images (S2), and the tokens of every stage (S1)."""
