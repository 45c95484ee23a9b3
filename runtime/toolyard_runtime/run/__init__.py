"""One run: the pure fold that decides, and what performs its effects and keeps its journal; knows no other run."""
