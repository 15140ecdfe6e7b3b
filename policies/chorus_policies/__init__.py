"""Policies: pure decisions on what to reuse, keep and evict, shared by simulator and runtime."""
