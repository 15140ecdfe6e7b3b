"""Stage costs: what each stage of a request takes, measured or modelled."""
