"""Lists timm's plain ViTs in tests/testdata/models/timm_architectures.json, for the table in timm_architectures.cc.

usage: list_timm_architectures.py              (packages: tests/requirements-golden.txt)

"plain": architectures that core/model computes, with the heads, width and patch that timm builds by default.
"look_plain": architectures with the same tensors which compute something else, so that only their name tells.
"""
import json
import pathlib
import re

import timm
import torch
from timm.models.vision_transformer import VisionTransformer

PLAIN = re.compile(r"(cls_token|pos_embed|(patch_embed\.proj|norm|fc_norm|head|blocks\.\d+\.(norm1|norm2|attn\.qkv|"
                   r"attn\.proj|mlp\.fc1|mlp\.fc2))\.(weight|bias))")


def describe(name):
    """(row, whether it computes what core/model does), or None if its tensors are others."""
    with torch.device("meta"):
        model = timm.create_model(name)
    tensors = model.state_dict()
    if not isinstance(model, VisionTransformer) or not all(PLAIN.fullmatch(t) for t in tensors):
        return None
    if "pos_embed" not in tensors:
        return None
    block = model.blocks[0]
    same = isinstance(block.mlp.act, torch.nn.GELU) and block.mlp.act.approximate == "none" and block.norm1.eps == 1e-6
    return dict(name=name, heads=block.attn.num_heads, embed_dim=model.embed_dim,
                patch=model.patch_embed.patch_size[0]), same


def main():
    plain, look_plain = [], []
    for name in timm.list_models(module="vision_transformer") + timm.list_models(module="deit"):
        described = describe(name)
        if described and described[1]:
            plain.append(described[0])
        elif described:
            look_plain.append(name)
    out = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "models" / "timm_architectures.json"
    lines = ",\n".join("  " + json.dumps(row) for row in plain)
    out.write_text(f'{{"timm": "{timm.__version__}",\n "plain": [\n{lines}],\n'
                   f' "look_plain": {json.dumps(look_plain, indent=1)}}}\n')
    print(len(plain), "plain,", len(look_plain), "look plain")


if __name__ == "__main__":
    main()
