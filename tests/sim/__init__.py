"""Whole worlds in virtual time: the real engine, people at both ends, faults between, and an independent auditor."""
