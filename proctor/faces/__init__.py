"""Whose face: models, quality, matching, and the worker that judges bursts. A person decides what costs time."""
