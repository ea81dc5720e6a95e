#!/usr/bin/env python3
"""Writes a ViT-B/16 of random weights as a timm hub folder, with torch alone: what is timed on a GPU machine, where a
checkpoint of that size is not at hand. Noise is on every parameter.

random_vit.py FOLDER"""
import json
import math
import os
import struct
import sys

import torch

WIDTH, HEADS, HIDDEN, DEPTH, PATCH, SIZE = 768, 12, 3072, 12, 16, 224


def shapes():
    """Parameters by their name in timm."""
    yield "cls_token", (1, 1, WIDTH)
    yield "pos_embed", (1, 1 + (SIZE // PATCH) ** 2, WIDTH)
    yield "patch_embed.proj.weight", (WIDTH, 3, PATCH, PATCH)
    yield "patch_embed.proj.bias", (WIDTH,)
    for block in range(DEPTH):
        layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH), "mlp.fc1": (HIDDEN, WIDTH),
                  "mlp.fc2": (WIDTH, HIDDEN), "norm1": (WIDTH,), "norm2": (WIDTH,)}
        for name, shape in layers.items():
            yield f"blocks.{block}.{name}.weight", shape
            yield f"blocks.{block}.{name}.bias", shape[:1]
    yield "norm.weight", (WIDTH,)
    yield "norm.bias", (WIDTH,)


def values(name, shape):
    noise = torch.randn(shape)
    if len(shape) == 1:
        is_scale = "norm" in name and name.endswith("weight")
        return is_scale + 0.1 * noise
    if shape[0] == 1:
        return 0.3 * noise
    return noise / math.sqrt(math.prod(shape[1:]))


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(1)
    header, end = {}, 0
    for name, shape in shapes():
        begin, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes():
            out.write(values(name, shape).contiguous().numpy().tobytes())
    config = {"architecture": "vit_base_patch16_224", "num_classes": 0, "num_features": WIDTH, "global_pool": "token",
              "model_args": {"num_classes": 0},
              "pretrained_cfg": {"input_size": [3, SIZE, SIZE], "interpolation": "bicubic", "crop_pct": 0.9,
                                 "mean": [0.5] * 3, "std": [0.5] * 3}}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
        json.dump(config, out, indent=2)


if __name__ == "__main__":
    main()
