"""The plots of a sweep, one file each."""
