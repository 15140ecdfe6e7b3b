"""The command line ``chorus-sim``: the outermost layer."""
