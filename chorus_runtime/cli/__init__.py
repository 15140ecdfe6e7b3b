"""The command line ``chorus-runtime``."""
