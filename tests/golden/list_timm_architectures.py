"""Lists timm's ViTs in tests/testdata/models/timm_architectures.json, for the tables in timm_architectures.cc.

usage: list_timm_architectures.py              (packages: tests/requirements-golden.txt)

"supported": architectures that core/model computes, with what timm builds by default and no tensor tells.
"look_alike": architectures with the same tensors which compute something else, so that only their name tells.
"""
import json
import pathlib
import re

import timm
import torch
from timm.layers import AttentionPoolLatent, GluMlp, LayerNorm, Mlp, SwiGLU
from timm.layers.pos_embed_sincos import RotaryEmbeddingDinoV3
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva, EvaAttention, EvaBlock
from timm.models.vision_transformer import Block, VisionTransformer

MODULES = ("vision_transformer", "deit", "eva")
# Names that the loader maps (checkpoint_layouts.cc): what is left of the others' tensors refuses them.
LAYER = r"\.(weight|bias)"
BLOCK = (rf"blocks\.\d+\.(gamma_[12]|ls[12]\.gamma|(norm[12]|attn\.(qkv|q_norm|k_norm|proj)|mlp\.(fc1|fc2)){LAYER})")
VIT = re.compile(rf"cls_token|dist_token|reg_token|pos_embed|(patch_embed\.proj|norm|norm_pre|fc_norm|head|head_dist)"
                 rf"{LAYER}|attn_pool\.(latent|(q|kv|proj|norm|mlp\.fc1|mlp\.fc2){LAYER})|{BLOCK}")
DINOV3 = re.compile(rf"cls_token|reg_token|(patch_embed\.proj|norm|fc_norm|head){LAYER}|{BLOCK}"
                    rf"|blocks\.\d+\.(attn\.[qv]_bias|(attn\.[qkv]_proj|mlp\.(fc1_g|fc1_x)){LAYER})")
POOLING = {"token": "token", "avg": "avg", "map": "map"}


def activation(mlp):
    act = mlp.act
    if isinstance(act, torch.nn.GELU):
        return "gelu" if act.approximate == "none" else "gelu_tanh"
    return {"GELUTanh": "gelu_tanh", "QuickGELU": "quick_gelu", "SiLU": "silu"}.get(type(act).__name__)


def norms(model):
    return {(type(m), m.eps) for m in model.modules() if "norm" in type(m).__name__.lower()}


def computes_the_same(model):
    """Whether core/model computes what `model` does, given its tensors and the row of the table."""
    block = model.blocks[0]
    if model.global_pool not in POOLING or activation(block.mlp) is None or getattr(model, "pool_include_prefix", False):
        return False
    if len(norms(model)) != 1 or next(iter(norms(model)))[0] not in (LayerNorm, torch.nn.LayerNorm):
        return False
    if not (hasattr(model.norm, "eps") or hasattr(model.fc_norm, "eps")):
        return False
    if isinstance(model, Eva):
        rope = model.rope
        return (isinstance(rope, RotaryEmbeddingDinoV3) and rope.rotate_half and rope.temperature == 100
                and rope.grid_offset == 0 and type(block) is EvaBlock and type(block.attn) is EvaAttention
                and model.attn_pool is None and block.attn.gate is None)
    if type(block) is not Block or type(block.attn).__name__ != "Attention":
        return False
    if isinstance(block.mlp, GluMlp):
        return not block.mlp.gate_last and activation(block.mlp) == "silu"
    pool = getattr(model, "attn_pool", None)
    return type(block.mlp) is Mlp and (pool is None or type(pool) is AttentionPoolLatent and pool.latent_len == 1)


def describe(name):
    """(row, whether it computes what core/model does), or None if its tensors are others."""
    with torch.device("meta"):
        model = timm.create_model(name)
    dinov3 = isinstance(model, Eva) and "_dinov3" in name
    if not isinstance(model, (VisionTransformer, Eva)):
        return None
    tensors = set(model.state_dict())
    if not all((DINOV3 if dinov3 else VIT).fullmatch(t) for t in tensors):
        return None
    if dinov3 != ("pos_embed" not in tensors) or ("norm.weight" in tensors) == ("fc_norm.weight" in tensors):
        return None
    block = model.blocks[0]
    gated = isinstance(block.mlp, (GluMlp, SwiGLU))
    row = dict(name=name, heads=block.attn.num_heads, embed_dim=model.embed_dim, patch=model.patch_embed.patch_size[0],
               eps=block.norm1.eps, activation=activation(block.mlp), pooling=POOLING.get(model.global_pool),
               rotary=dinov3, gated=gated, distilled=isinstance(model, VisionTransformerDistilled),
               clip=hasattr(getattr(model, "norm_pre", None), "eps"))
    return row, computes_the_same(model)


def main():
    supported, look_alike = [], []
    for name in sorted(n for m in MODULES for n in timm.list_models(module=m)):
        described = describe(name)
        if described and described[1]:
            supported.append(described[0])
        elif described:
            look_alike.append(name)
    out = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "models" / "timm_architectures.json"
    lines = ",\n".join("  " + json.dumps(row) for row in supported)
    out.write_text(f'{{"timm": "{timm.__version__}",\n "supported": [\n{lines}],\n'
                   f' "look_alike": {json.dumps(look_alike, indent=1)}}}\n')
    print(len(supported), "supported,", len(look_alike), "look alike")


if __name__ == "__main__":
    main()
