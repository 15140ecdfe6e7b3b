"""``python -m chorus_sim`` is ``chorus-sim``."""

from chorus_sim.cli.main import main

main()
