"""Admission: whether a finished result is worth a place."""
