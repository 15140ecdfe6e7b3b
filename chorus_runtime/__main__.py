"""``python -m chorus_runtime`` is ``chorus-runtime``."""

from chorus_runtime.cli.main import main

if __name__ == "__main__":
    main()
