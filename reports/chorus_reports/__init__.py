"""Reports: what a run, a study or a validation tells its reader."""
