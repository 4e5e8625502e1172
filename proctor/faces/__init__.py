"""Judging faces: models, quality rules and the worker."""
