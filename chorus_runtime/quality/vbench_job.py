"""A job for VBench's own environment: its Python runs this text, which imports nothing of Chorus.

The first argument is a JSON file with ``videos``, ``prompts`` (by file name), ``dimensions``,
``device``, ``local`` and ``out``; VBench writes ``chorus_eval_results.json`` into ``out``.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any


def main(path: str) -> None:
    """Let VBench's custom-input mode judge the clips of a job."""
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    device = import_module("torch").device(job["device"])
    vbench: Any = import_module("vbench")
    facts = Path(vbench.__file__).parent / "VBench_full_info.json"
    vbench.VBench(device, str(facts), job["out"]).evaluate(
        videos_path=job["videos"],
        name="chorus",
        prompt_list=job["prompts"],
        dimension_list=job["dimensions"],
        local=job["local"],
        mode="custom_input",
        imaging_quality_preprocessing_mode="longer",
    )


if __name__ == "__main__":
    main(sys.argv[1])
