"""Tune: search the parts and numbers of a policy, and verify the find on traffic it never saw."""
