"""Sizing: how many bytes a tier may use."""
