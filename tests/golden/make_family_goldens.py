"""Makes tests/testdata/families: tiny random models of every family, each with what its own library computes.

usage: make_family_goldens.py [-o OUT_DIR] [CASE...]          (packages: tests/requirements-golden.txt)

Every parameter is random, norms, biases, LayerScale, tokens and positions included, so that nothing can be left out
or swapped unnoticed. The folders are written by timm (save_for_hf) and transformers (save_pretrained) themselves and
read back by them before the outputs are taken, in f32. goldens.safetensors in each folder, B = 2 images:
  pixels [B,3,H,W]                        input, prepared
  tokens [B,N,D]                          after the final norm (timm: forward_features)
  pooled [B,D]                            the embedding: forward_head(pre_logits=True), or what DESIGN calls it for HF
  logits [B,C], projected [B,P]           with a classifier, with CLIP's projection
  keep0|1|2.channels [L,h], .heads [L,H]  0/1: units that three budgets keep
  keep0|1|2.pooled|logits|projected       the same outputs with the others set to zero
"""
import argparse
import json
import pathlib
import re

import timm
import torch
import transformers as hf
from safetensors.torch import load_file, save_file
from timm.models import save_for_hf

BATCH = 2
KEEP_SHARES = (0.8, 0.5, 0.25)
SMALL = dict(embed_dim=24, depth=2, num_heads=3)  # of timm models
HF = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8)
TEXT = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, vocab_size=12,
            max_position_embeddings=4, projection_dim=20, bos_token_id=0, eos_token_id=1, pad_token_id=2)


def timm_case(architecture, dtype=torch.float32, zero_head_bias=False, labels=False, serve=None, **args):
    """`serve`: model_args that config.json says beside what the model was made with: another input size."""
    return dict(library="timm", architecture=architecture, dtype=dtype, zero_head_bias=zero_head_bias, labels=labels,
                serve=serve or {}, args=SMALL | args)


def hf_case(model, config, input_size=None, dtype=torch.float32, shard=None, memory_names=False, labels=None):
    """`input_size`: of preprocessor_config.json, if it is not the image_size of the configuration."""
    return dict(library="hf", model=model, config=config, input_size=input_size, dtype=dtype, shard=shard,
                memory_names=memory_names, labels=labels)


def vision(cls, text_cls, config_cls, **more):
    towers = dict(vision_config=cls(**HF, intermediate_size=96).to_dict(), text_config=text_cls(**TEXT).to_dict())
    return config_cls(**towers, **more)


CASES = {
    # ---- timm
    "timm_deit_distilled": timm_case("deit_tiny_distilled_patch16_224", img_size=32, patch_size=8, num_classes=5),
    "timm_deit3": timm_case("deit3_small_patch16_224", img_size=32, patch_size=8, num_classes=4),
    "timm_dinov2": timm_case("vit_small_patch14_dinov2", img_size=42, num_classes=0, dtype=torch.float16),
    "timm_dinov2_registers": timm_case("vit_base_patch14_reg4_dinov2", img_size=(28, 42), num_classes=6),
    "timm_dinov2_swiglu": timm_case("vit_giant_patch14_reg4_dinov2", img_size=28, num_classes=0,
                                    dtype=torch.bfloat16),
    "timm_dinov3": timm_case("vit_small_patch16_dinov3", img_size=48, num_classes=5,
                             dtype=torch.bfloat16),
    "timm_dinov3_bias_token": timm_case("vit_base_patch16_dinov3_qkvb", img_size=(32, 48), num_classes=0,
                                        global_pool="token", dtype=torch.float16),
    "timm_dinov3_swiglu": timm_case("vit_small_plus_patch16_dinov3", img_size=(48, 32), num_classes=0,
                                    dtype=torch.bfloat16),
    "timm_siglip": timm_case("vit_base_patch16_siglip_224", img_size=32, patch_size=8, num_classes=0),
    "timm_siglip_tanh": timm_case("vit_so400m_patch16_siglip_256", img_size=32, num_classes=3, dtype=torch.float16),
    "timm_siglip_mean": timm_case("vit_base_patch16_siglip_gap_224", img_size=(16, 32), patch_size=8, num_classes=0),
    "timm_clip_projection": timm_case("vit_base_patch32_clip_quickgelu_224.openai", img_size=32, patch_size=8,
                                      num_classes=20, zero_head_bias=True),
    "timm_clip_classifier": timm_case("vit_base_patch16_clip_224.laion2b_ft_in1k", img_size=32, num_classes=7,
                                      labels=True, dtype=torch.bfloat16),
    # An attention pooling that leaves the registers out, whose positions are stored.
    "timm_map_registers": timm_case("vit_so150m_patch16_reg4_map_256", img_size=32, patch_size=8, num_classes=0),
    "timm_qk_norm": timm_case("vit_base_patch16_224", img_size=32, patch_size=8, num_classes=4, qk_norm=True,
                              init_values=1e-5),
    "timm_registers_mean": timm_case("vit_little_patch16_reg4_gap_256", img_size=32, num_classes=3, mlp_ratio=2,
                                     dtype=torch.bfloat16),
    "timm_resampled_up": timm_case("vit_base_patch16_224", img_size=24, patch_size=8, num_classes=4,
                                   serve=dict(img_size=[40, 32])),
    "timm_resampled_down": timm_case("vit_small_patch14_reg4_dinov2", img_size=56, patch_size=8, num_classes=0,
                                     serve=dict(img_size=[32, 24])),
    "timm_flexivit_resampled": timm_case("flexivit_small", img_size=32, patch_size=8, num_classes=0,
                                         serve=dict(img_size=[48, 48])),
    # ---- Hugging Face transformers
    "hf_vit": hf_case(hf.ViTForImageClassification,
                      hf.ViTConfig(**HF, intermediate_size=96, num_labels=3), labels=["cat", "dog", "owl"]),
    "hf_vit_no_bias": hf_case(hf.ViTModel, hf.ViTConfig(**HF, intermediate_size=72, qkv_bias=False,
                                                        hidden_act="gelu_new", layer_norm_eps=1e-6)),
    "hf_vit_resampled": hf_case(hf.ViTModel, hf.ViTConfig(**HF, intermediate_size=96), input_size=(24, 48)),
    "hf_vit_mae": hf_case(hf.ViTMAEForPreTraining, hf.ViTMAEConfig(
        **HF, intermediate_size=96, mask_ratio=0.0, decoder_hidden_size=16, decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2, decoder_intermediate_size=16)),
    "hf_deit": hf_case(hf.DeiTForImageClassification, hf.DeiTConfig(**HF, intermediate_size=96, num_labels=3)),
    "hf_deit_teacher": hf_case(hf.DeiTForImageClassificationWithTeacher,
                               hf.DeiTConfig(**HF, intermediate_size=96, num_labels=3)),
    "hf_dinov2": hf_case(hf.Dinov2Model, hf.Dinov2Config(**HF)),
    "hf_dinov2_resampled": hf_case(hf.Dinov2Model, hf.Dinov2Config(**HF | dict(image_size=74)), input_size=(32, 32)),
    "hf_dinov2_classifier": hf_case(hf.Dinov2ForImageClassification, hf.Dinov2Config(**HF, num_labels=4)),
    "hf_dinov2_swiglu": hf_case(hf.Dinov2Model, hf.Dinov2Config(**HF, use_swiglu_ffn=True), dtype=torch.bfloat16),
    "hf_dinov2_memory_names": hf_case(hf.Dinov2Model, hf.Dinov2Config(**HF, use_swiglu_ffn=True), memory_names=True),
    "hf_dinov2_registers": hf_case(hf.Dinov2WithRegistersForImageClassification,
                                   hf.Dinov2WithRegistersConfig(**HF, num_register_tokens=4, num_labels=3)),
    "hf_dinov2_registers_resampled": hf_case(hf.Dinov2WithRegistersModel, hf.Dinov2WithRegistersConfig(
        **HF | dict(image_size=56), num_register_tokens=2), input_size=(32, 24)),
    "hf_dinov2_sharded": hf_case(hf.Dinov2Model, hf.Dinov2Config(**HF), shard="30KB"),
    "hf_dinov3": hf_case(hf.DINOv3ViTModel, hf.DINOv3ViTConfig(**HF, intermediate_size=96, num_register_tokens=4),
                         dtype=torch.bfloat16),
    "hf_dinov3_gated": hf_case(hf.DINOv3ViTModel, hf.DINOv3ViTConfig(
        **HF, intermediate_size=64, use_gated_mlp=True, hidden_act="silu", key_bias=True, value_bias=False,
        mlp_bias=False, rope_theta=50.0), input_size=(48, 32)),
    "hf_siglip": hf_case(hf.SiglipModel, vision(hf.SiglipVisionConfig, hf.SiglipTextConfig, hf.SiglipConfig)),
    "hf_siglip_vision": hf_case(hf.SiglipVisionModel, hf.SiglipVisionConfig(**HF, intermediate_size=80),
                                input_size=(40, 40)),
    "hf_siglip_classifier": hf_case(hf.SiglipForImageClassification, vision(
        hf.SiglipVisionConfig, hf.SiglipTextConfig, hf.SiglipConfig, num_labels=5)),
    "hf_clip": hf_case(hf.CLIPModel, vision(hf.CLIPVisionConfig, hf.CLIPTextConfig, hf.CLIPConfig,
                                            projection_dim=20)),
    "hf_clip_vision": hf_case(hf.CLIPVisionModel, hf.CLIPVisionConfig(**HF, intermediate_size=96, hidden_act="gelu")),
    "hf_clip_vision_projection": hf_case(hf.CLIPVisionModelWithProjection, hf.CLIPVisionConfig(
        **HF, intermediate_size=96, projection_dim=12), dtype=torch.float16),
}

TOKENS = re.compile(r"(pos_embed|position_embeddings?(\.weight)?|(cls|dist|reg|mask|distillation|register)_tokens?|"
                    r"class_embedding|latent|probe)$")
SCALES = re.compile(r"(gamma|gamma_[12]|lambda1)$")


@torch.no_grad()
def randomize(model, generator):
    """Draws every parameter: of about unit scale where it multiplies, visibly non-zero where it adds."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if TOKENS.search(name):
            p.copy_(0.5 * noise)
        elif SCALES.search(name):
            p.copy_(0.7 + 0.3 * noise)
        elif p.ndim <= 1:  # biases and the scales of norms
            p.copy_(p + 0.3 * noise)
        else:
            p.copy_(noise * (1.2 / p[0].numel() ** 0.5))


class TimmModel:
    """A stored folder, by timm."""

    def __init__(self, case, folder):
        self.model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval().float()
        self.size = self.model.patch_embed.img_size
        self.projects = case["zero_head_bias"]

    def outputs(self, pixels):
        tokens = self.model.forward_features(pixels)
        result = dict(tokens=tokens, pooled=self.model.forward_head(tokens, pre_logits=True))
        if self.model.num_classes > 0:
            result["projected" if self.projects else "logits"] = self.model.forward_head(tokens)
        return result

    def heads(self):
        return self.model.blocks[0].attn.num_heads


class HfModel:
    """A stored folder, by transformers."""

    def __init__(self, case, folder):
        self.model = case["model"].from_pretrained(folder, dtype=torch.float32).eval()
        self.config = getattr(self.model.config, "vision_config", self.model.config)
        size = case["input_size"] or self.config.image_size
        self.size = size if isinstance(size, tuple) else (size, size)
        # Not asked for, ViT and its kin refuse another size; DINO does not have to be asked.
        family = self.config.model_type
        asked = case["input_size"] and not family.startswith("dino")
        self.more = dict(interpolate_pos_encoding=True) if asked else {}

    def base(self):
        model = self.model
        for name in ("vit", "deit", "dinov2", "dinov2_with_registers", "vision_model"):
            model = getattr(model, name, model)
        return model

    def outputs(self, pixels):
        base, family = self.base(), self.config.model_type
        if family == "vit_mae":  # nothing masked, nothing shuffled
            patches = base.embeddings.patch_embeddings.num_patches
            self.more = dict(noise=torch.arange(patches).float().expand(len(pixels), -1))
        out = base(pixels, **self.more)
        tokens = out.last_hidden_state
        if family == "clip_vision_model":
            tokens, pooled = base.post_layernorm(tokens), out.pooler_output
        elif family == "siglip_vision_model":
            pooled = out.pooler_output
        elif family == "deit":
            pooled = (tokens[:, 0] + tokens[:, 1]) / 2
        else:
            pooled = tokens[:, 0]
        result = dict(tokens=tokens, pooled=pooled)
        if isinstance(self.model, hf.CLIPModel):
            result["projected"] = self.model.get_image_features(pixel_values=pixels).pooler_output
        elif isinstance(self.model, hf.CLIPVisionModelWithProjection):
            result["projected"] = self.model(pixels).image_embeds
        elif "Classification" in type(self.model).__name__:
            result["logits"] = self.model(pixels, **self.more).logits
        return result

    def heads(self):
        return self.config.num_attention_heads


PROJECTION = re.compile(r"(blocks|layers?)\.\d+\.(attn\.proj|attention\.o_proj|self_attn\.out_proj)$")
SECOND = re.compile(r"(blocks|layers?)\.\d+\.mlp\.(fc2|down_proj)$")


def halves(model):
    """The layers behind heads and channels, of the vision tower's blocks in order."""
    named = [(n, m) for n, m in model.named_modules() if not re.search(r"text_model|decoder", n)]
    return ([m for n, m in named if PROJECTION.search(n)], [m for n, m in named if SECOND.search(n)])


@torch.no_grad()
def goldens(stored, generator):
    projections, seconds = halves(stored.model)
    depth, heads, hidden = len(projections), stored.heads(), seconds[0].in_features
    assert depth == len(seconds)
    pixels = torch.randn(BATCH, 3, *stored.size, generator=generator)
    result = dict(pixels=pixels) | stored.outputs(pixels)
    for budget, share in enumerate(KEEP_SHARES):
        channels = (torch.rand(depth, hidden, generator=generator) < share).float()
        keep_heads = (torch.rand(depth, heads, generator=generator) < share).float()
        keep_heads[:, budget % heads] = 1  # something is kept in each block
        masks = [(layer, keep_heads[i].repeat_interleave(layer.in_features // heads))
                 for i, layer in enumerate(projections)]
        masks += [(layer, channels[i]) for i, layer in enumerate(seconds)]
        hooks = [layer.register_forward_pre_hook(lambda module, args, mask=mask: (args[0] * mask,))
                 for layer, mask in masks]
        masked = stored.outputs(pixels)
        for hook in hooks:
            hook.remove()
        del masked["tokens"]
        result |= {f"keep{budget}.channels": channels, f"keep{budget}.heads": keep_heads}
        result |= {f"keep{budget}.{k}": v for k, v in masked.items()}
    return {k: v.contiguous() for k, v in result.items()}


def write_timm(case, folder, generator):
    model = timm.create_model(case["architecture"], **case["args"]).eval()
    randomize(model, generator)
    if case["zero_head_bias"]:
        torch.nn.init.zeros_(model.head.bias)
    labels = {"label_names": [f"class {i}" for i in range(model.num_classes)]} if case["labels"] else {}
    save_for_hf(model.to(case["dtype"]), folder, model_config=labels, safe_serialization=True)
    if case["serve"]:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["model_args"] |= case["serve"]
        path.write_text(json.dumps(config, indent=2) + "\n")


def write_hf(case, folder, generator):
    if case["labels"]:
        case["config"].id2label = dict(enumerate(case["labels"]))
        case["config"].label2id = {v: k for k, v in case["config"].id2label.items()}
    model = case["model"](case["config"]).eval()
    randomize(model, generator)
    model.to(case["dtype"])
    model.save_pretrained(folder, **(dict(max_shard_size=case["shard"]) if case["shard"] else {}))
    if case["memory_names"]:
        save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    vision_config = getattr(model.config, "vision_config", model.config)
    height, width = case["input_size"] or (vision_config.image_size,) * 2
    processor = hf.ViTImageProcessor(size=dict(height=height, width=width))
    processor.save_pretrained(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[1] / "testdata" / "families")
    parser.add_argument("cases", nargs="*")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    for seed, (name, case) in enumerate(CASES.items()):
        if flags.cases and name not in flags.cases:
            continue
        generator = torch.Generator().manual_seed(1000 + seed)
        folder = flags.o / name
        folder.mkdir(parents=True, exist_ok=True)
        (write_timm if case["library"] == "timm" else write_hf)(case, folder, generator)
        stored = (TimmModel if case["library"] == "timm" else HfModel)(case, folder)
        result = goldens(stored, generator)
        versions = dict(timm=timm.__version__, transformers=hf.__version__, torch=torch.__version__)
        save_file(result, folder / "goldens.safetensors", metadata=versions)
        size = sum(f.stat().st_size for f in folder.iterdir())
        spread = {k: round(v.std().item(), 3) for k, v in result.items()
                  if k in ("tokens", "pooled", "logits", "projected", "keep2.pooled")}
        print(name, f"{size / 1024:.0f} KiB", tuple(result["tokens"].shape), spread, flush=True)


if __name__ == "__main__":
    main()
