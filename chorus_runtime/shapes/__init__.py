"""The shapes world: procedural clips with captions, a checker, and a real model trained on them."""

from chorus_runtime.shapes.caption import PHRASINGS, caption, parse
from chorus_runtime.shapes.clip_io import read_mp4, write_mp4, write_sheet
from chorus_runtime.shapes.codec import Codec, load_codec
from chorus_runtime.shapes.compare import compare, confusion, confusion_text, difference
from chorus_runtime.shapes.config import DistilConfig, TrainConfig, read_config
from chorus_runtime.shapes.edit import EDITS, edit
from chorus_runtime.shapes.evaluate import Share, evaluate, evaluation_prompts, tally, wilson
from chorus_runtime.shapes.from_text import scene_of_text
from chorus_runtime.shapes.model import ModelConfig, Sampling, ShapesModel, build_model
from chorus_runtime.shapes.read_video import Reading, read_video
from chorus_runtime.shapes.release import release
from chorus_runtime.shapes.render import Clip, render
from chorus_runtime.shapes.sample import sample, sigmas
from chorus_runtime.shapes.scene import Figure, Scene, draw_scene
from chorus_runtime.shapes.tokenizer import Encoded, Tokenizer
from chorus_runtime.shapes.train import Outcome, train, trained
from chorus_runtime.shapes.weights import load_shapes, save_shapes, weights_folder

__all__ = [
    "EDITS",
    "PHRASINGS",
    "Clip",
    "Codec",
    "DistilConfig",
    "Encoded",
    "Figure",
    "ModelConfig",
    "Outcome",
    "Reading",
    "Sampling",
    "Scene",
    "ShapesModel",
    "Share",
    "Tokenizer",
    "TrainConfig",
    "build_model",
    "caption",
    "compare",
    "confusion",
    "confusion_text",
    "difference",
    "draw_scene",
    "edit",
    "evaluate",
    "evaluation_prompts",
    "load_codec",
    "load_shapes",
    "parse",
    "read_config",
    "read_mp4",
    "read_video",
    "release",
    "render",
    "sample",
    "save_shapes",
    "scene_of_text",
    "sigmas",
    "tally",
    "train",
    "trained",
    "weights_folder",
    "wilson",
    "write_mp4",
    "write_sheet",
]
