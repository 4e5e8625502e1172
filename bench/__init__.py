"""Figures with ceilings: what a beat, a page or a machine may cost."""
