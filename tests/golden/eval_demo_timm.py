"""Top-1 of a timm hub folder by timm itself, in f32: the yardstick for `snapvit evaluate` at compute 1.0.

usage: eval_demo_timm.py MODEL_DIR CLASS_FOLDERS [--out FILE.npy]     (packages: tests/requirements-golden.txt)

An architecture that timm has not registered (the demo model's) is built as a VisionTransformer of its model_args.
CLASS_FOLDERS holds one folder of images a class, named as in label_names. Images go through timm's own evaluation
transform (PIL). --out writes the logits [images, classes] f32, and beside it FILE.files.txt: per line, in the
same order (sorted paths), "relative/path predicted_index true_index".
"""
import argparse
import json
import pathlib

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer


def load(folder):
    """(model, its pretrained_cfg with the labels)."""
    config = json.loads((folder / "config.json").read_text())
    cfg = dict(config["pretrained_cfg"], label_names=config["label_names"])
    if timm.is_model(config["architecture"]):
        return timm.create_model(f"local-dir:{folder}", pretrained=True).eval().float(), cfg
    model = VisionTransformer(**config["model_args"])
    model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)  # into f32 parameters
    return model.eval(), cfg


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    model, cfg = load(args.model_dir)
    transform = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=cfg), is_training=False)
    print(transform)
    labels = list(cfg["label_names"])
    files = sorted(p for p in args.images.rglob("*") if p.is_file() and p.parent != args.images)
    truth = np.array([labels.index(p.parent.name) for p in files])

    logits = []
    with torch.inference_mode():
        for start in range(0, len(files), args.batch):
            batch = [transform(Image.open(p).convert("RGB")) for p in files[start:start + args.batch]]
            logits.append(model(torch.stack(batch)).numpy())
    logits = np.concatenate(logits)
    predicted = logits.argmax(1)
    correct = int((predicted == truth).sum())
    print(f"{correct} of {len(files)} correct: top-1 {100 * correct / len(files):.2f} %")
    if args.out:
        np.save(args.out, logits)
        lines = [f"{p.relative_to(args.images)} {a} {b}" for p, a, b in zip(files, predicted, truth)]
        args.out.with_suffix(".files.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
