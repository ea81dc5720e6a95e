"""Orderings that look at no image, as `snapvit evaluate --as-is --ordering` compares them with ours (docs/formats.md).

usage: naive_ordering.py MODEL_DIR --seed S -o ORDERING.safetensors         random scores
       naive_ordering.py MODEL_DIR --magnitude -o ORDERING.safetensors      mean square of the weights that go with a unit
                                                                            (packages: tests/requirements-golden.txt)
"""
import argparse
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file


def magnitude(tensors, depth, heads):
    """Of a channel: its row of fc1 and its column of fc2. Of a head: its rows of qkv and its columns of proj."""
    channels, attention = [], []
    for block in range(depth):
        of = {name: tensors[f"blocks.{block}.{name}.weight"].float()
              for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")}
        width = of["mlp.fc1"].shape[1]
        channels.append(torch.cat([of["mlp.fc1"], of["mlp.fc2"].T], 1).square().mean(1))
        qkv = of["attn.qkv"].view(3, heads, -1, width).transpose(0, 1).flatten(1)
        proj = of["attn.proj"].view(width, heads, -1).transpose(0, 1).flatten(1)
        attention.append(torch.cat([qkv, proj], 1).square().mean(1))
    return torch.stack(channels), torch.stack(attention)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--seed", type=int, help="of random scores")
    kind.add_argument("--magnitude", action="store_true")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    args = parser.parse_args()
    tensors = load_file(args.model / "model.safetensors")
    heads = json.loads((args.model / "config.json").read_text())["model_args"]["num_heads"]
    depth = sum(name.endswith("attn.qkv.weight") for name in tensors)
    mlp, attention = magnitude(tensors, depth, heads)
    if not args.magnitude:
        torch.manual_seed(args.seed)
        mlp, attention = torch.rand_like(mlp), torch.rand_like(attention)
    save_file({"mlp_scores": mlp.contiguous(), "head_scores": attention.contiguous()}, args.output, metadata={
        "format": "snapvit-ordering", "version": "1", "model_fingerprint": "any",
        "recipe": "magnitude" if args.magnitude else "random", "calibration_source": "no image",
        "seed": str(args.seed or 0), "min_mlp_keep": "0.05", "min_head_keep": "0.2", "path": "published"})


if __name__ == "__main__":
    main()
