"""Makes tests/testdata/models: tiny random timm ViTs as hub folders, each with what timm computes from it.

usage: make_timm_goldens.py [OUT_DIR]          (packages: tests/requirements-golden.txt)

Every parameter is random, norms, biases and embeddings included, so that nothing can be left out or swapped
unnoticed. The folders are written by timm itself (save_for_hf) and read back by it (local-dir:) before the outputs
are taken, in f32 from the stored weights. goldens.safetensors in each folder, B = 2 images:
  pixels [B,3,H,W]                 input
  tokens [B,N,D]                   forward_features
  pooled [B,D]                     forward_head(pre_logits=True)
  logits [B,C]                     forward_head, if there is a classifier
  channel_keep [L,h], head_keep [L,heads]                 0/1: units that are kept
  channel_constant [L,h], head_constant [L,heads,dh]      what may stand for the others
  masked.tokens|pooled|logits      the same outputs with the others set to zero
  replaced.tokens|pooled|logits    … set to their constants
"""
import pathlib
import sys

import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf

BATCH = 2
# name: (architecture, dtype of the file, what differs from the architecture)
CASES = {
    # Heads come from the table (3 for Tiny), not from model_args.
    "cls_token": ("vit_tiny_patch16_224", torch.float32, dict(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_classes=7)),
    "avg_fc_norm": ("vit_base_patch16_224", torch.float32, dict(
        img_size=24, patch_size=8, embed_dim=30, depth=3, num_heads=3, num_classes=5, global_pool="avg")),
    "avg_no_class_token": ("vit_base_patch16_224", torch.float32, dict(
        img_size=16, patch_size=4, embed_dim=28, depth=1, num_heads=2, num_classes=6, global_pool="avg",
        class_token=False, fc_norm=False, mlp_ratio=2.5)),
    "no_classifier": ("vit_small_patch16_224", torch.float32, dict(
        img_size=24, patch_size=6, embed_dim=18, depth=2, num_classes=0)),
    "non_square_no_qkv_bias": ("vit_base_patch16_224", torch.float32, dict(
        img_size=(16, 40), patch_size=8, embed_dim=20, depth=3, num_heads=5, num_classes=4, qkv_bias=False)),
    "patch14_bf16": ("vit_large_patch14_224", torch.bfloat16, dict(
        img_size=28, embed_dim=40, depth=2, num_heads=2, num_classes=10)),
    # 31 = 7 patches of 4 and a rest that no patch sees; positions for patches only.
    "no_embed_class_f16": ("vit_base_patch32_224", torch.float16, dict(
        img_size=31, patch_size=4, embed_dim=16, depth=2, num_heads=4, num_classes=3, no_embed_class=True)),
    "avg_token_norm": ("vit_base_patch16_224", torch.float32, dict(
        img_size=(24, 16), patch_size=8, embed_dim=21, depth=5, num_heads=3, num_classes=0, global_pool="avg",
        fc_norm=False)),
}


@torch.no_grad()
def randomize(model, generator):
    """Draws every parameter: of about unit scale where it multiplies, visibly non-zero where it adds."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if name.endswith("pos_embed") or name.endswith("cls_token"):
            p.copy_(0.5 * noise)
        elif p.ndim == 1:  # biases and the scales of norms
            p.copy_(p + 0.3 * noise)
        else:
            p.copy_(noise * (1.2 / p[0].numel() ** 0.5))


@torch.no_grad()
def outputs(model, pixels, prefix=""):
    tokens = model.forward_features(pixels)
    result = {"tokens": tokens, "pooled": model.forward_head(tokens, pre_logits=True)}
    if model.num_classes > 0:
        result["logits"] = model.forward_head(tokens)
    return {prefix + k: v.contiguous() for k, v in result.items()}


def hook_units(model, keep_channels, keep_heads, channel_constants, head_constants):
    """Puts constants in the place of the units that are not kept. Returns the hooks' handles."""
    handles = []
    for i, block in enumerate(model.blocks):
        kc, cc, kh, hc = keep_channels[i], channel_constants[i], keep_heads[i], head_constants[i]

        def channels(module, args, out, kc=kc, cc=cc):
            return torch.where(kc > 0, out, cc)

        def heads(module, args, kh=kh, hc=hc):
            x = args[0]
            by_head = x.reshape(*x.shape[:-1], *hc.shape)
            return (torch.where(kh[:, None] > 0, by_head, hc).reshape(x.shape),)

        handles.append(block.mlp.act.register_forward_hook(channels))
        handles.append(block.attn.proj.register_forward_pre_hook(heads))
    return handles


def goldens(model, generator):
    height, width = model.patch_embed.img_size
    depth, attention = len(model.blocks), model.blocks[0].attn
    hidden, heads = model.blocks[0].mlp.fc1.out_features, attention.num_heads
    pixels = torch.randn(BATCH, 3, height, width, generator=generator)
    keep_channels = (torch.rand(depth, hidden, generator=generator) < 0.6).float()
    keep_heads = (torch.rand(depth, heads, generator=generator) < 0.6).float()
    keep_heads[:, 0], keep_heads[0, -1] = 1, 0  # something is kept in each block, and something is not
    channel_constants = 0.5 * torch.randn(depth, hidden, generator=generator)
    head_constants = 0.5 * torch.randn(depth, heads, attention.head_dim, generator=generator)
    result = dict(pixels=pixels, channel_keep=keep_channels, head_keep=keep_heads,
                  channel_constant=channel_constants, head_constant=head_constants)
    result |= outputs(model, pixels)
    for prefix, scale in (("masked.", 0.0), ("replaced.", 1.0)):
        handles = hook_units(model, keep_channels, keep_heads, scale * channel_constants, scale * head_constants)
        result |= outputs(model, pixels, prefix)
        for handle in handles:
            handle.remove()
    return result


def main():
    root = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "models"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root
    torch.set_num_threads(1)
    for seed, (name, (architecture, dtype, args)) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(seed)
        model = timm.create_model(architecture, **args).eval()
        randomize(model, generator)
        labels = {"label_names": [f"class {i}" for i in range(model.num_classes)]} if name == "cls_token" else {}
        save_for_hf(model.to(dtype), out / name, model_config=labels, safe_serialization=True)
        stored = timm.create_model(f"local-dir:{out / name}", pretrained=True).eval().float()
        result = goldens(stored, generator)
        save_file(result, out / name / "goldens.safetensors", metadata={"timm": timm.__version__, "seed": str(seed)})
        spread = {k: round(v.std().item(), 3) for k, v in result.items() if k.split(".")[-1] in ("pooled", "logits")}
        print(name, sum(p.numel() for p in stored.parameters()), spread)


if __name__ == "__main__":
    main()
