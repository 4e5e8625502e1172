"""The record half: a feature is a folder; rules are pure, pages never contain SQL."""
