"""One random model of the true base size of each family and format, by its library and by `snapvit embed` and `classify`.

usage: check_true_size.py SNAPVIT [CASE...]        (packages: tests/requirements-golden.txt; minutes, 1 GB of disk)

SNAPVIT is the program, e.g. build/release/bin/snapvit; the test true_size (scripts/test.sh -L slow) runs all cases. Each model is built with noise on every parameter, saved by its
own library into a temporary folder, read back by it, and asked for two images that already have the input size, so
that preparing them is a normalisation alone. Fails if embedding, logits or projection are off by more than 1e-4 of the
deviation, in f32. Cases of other sizes (SIZES, up to 1.1 billion parameters and 11 GB of memory) run when named, or by "sizes".
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import timm
    import torch
    import transformers as hf
    from make_family_goldens import HfModel, TimmModel, hf_case, timm_case, write_hf, write_timm
    from PIL import Image
except ImportError as error:
    print(f"skipped: {error}; install tests/requirements-golden.txt, and name the Python by SNAPVIT_GOLDEN_PYTHON")
    sys.exit(77)

TOLERANCE = 1e-4


def timm_base(architecture, zero_head_bias=False, **args):
    return timm_case(architecture, zero_head_bias=zero_head_bias) | dict(args=args)


CASES = {
    "timm_vit": timm_base("vit_base_patch16_224"),
    "timm_deit_distilled": timm_base("deit_base_distilled_patch16_224"),
    "timm_deit3": timm_base("deit3_base_patch16_224"),
    "timm_dinov2_registers": timm_base("vit_base_patch14_reg4_dinov2", img_size=224, num_classes=1000),
    "timm_dinov3": timm_base("vit_base_patch16_dinov3", num_classes=1000),
    "timm_siglip": timm_base("vit_base_patch16_siglip_224", num_classes=1000),
    "timm_clip": timm_base("vit_base_patch16_clip_quickgelu_224.openai", num_classes=512, zero_head_bias=True),
    "hf_vit": hf_case(hf.ViTForImageClassification, hf.ViTConfig(num_labels=1000)),
    "hf_deit": hf_case(hf.DeiTForImageClassificationWithTeacher, hf.DeiTConfig(num_labels=1000)),
    "hf_dinov2": hf_case(hf.Dinov2ForImageClassification, hf.Dinov2Config(
        image_size=518, num_labels=1000), input_size=(224, 224)),
    "hf_dinov2_registers": hf_case(hf.Dinov2WithRegistersForImageClassification, hf.Dinov2WithRegistersConfig(
        image_size=518, patch_size=14, num_labels=1000), input_size=(224, 224)),
    "hf_dinov3": hf_case(hf.DINOv3ViTModel, hf.DINOv3ViTConfig(
        hidden_size=768, num_attention_heads=12, intermediate_size=3072, num_register_tokens=4)),
    "hf_siglip": hf_case(hf.SiglipForImageClassification, hf.SiglipConfig(num_labels=1000)),
    "hf_clip": hf_case(hf.CLIPVisionModelWithProjection, hf.CLIPVisionConfig(patch_size=16)),
}

SIZES = {
    "timm_vit_small": timm_base("vit_small_patch16_224"),
    "timm_vit_large": timm_base("vit_large_patch16_224"),
    "timm_siglip_so400m": timm_base("vit_so400m_patch14_siglip_224", num_classes=0),
    "timm_vit_huge": timm_base("vit_huge_patch14_224"),
    "timm_dinov3_huge_plus": timm_base("vit_huge_plus_patch16_dinov3", num_classes=0),
    "timm_dinov2_giant": timm_base("vit_giant_patch14_dinov2", img_size=224, num_classes=0),
    "hf_dinov2_large": hf_case(hf.Dinov2Model, hf.Dinov2Config(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, image_size=518), input_size=(224, 224)),
}


def run(program, verb, folder, images, *flags):
    """What `snapvit` makes of them, in f32 by the whole model, printed or written to a file."""
    command = [program, verb, *images, "--model", folder, "--budget", "1", "--dtype", "fp32", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{verb}: {done.stderr}")
    return done.stdout


def embed(program, folder, images, pooling):
    """[images, D]."""
    out = folder / "embeddings.npy"
    run(program, "embed", folder, images, "--pooling", pooling, "-o", out)
    return np.load(out)


def classify(program, folder, images):
    """[images, classes]."""
    document = json.loads(run(program, "classify", folder, images, "--activation", "none", "--top-k", "1000000", "--json"))
    rows = [sorted(image["labels"], key=lambda label: label["index"]) for image in document["results"]]
    return np.array([[label["score"] for label in row] for row in rows], dtype=np.float32)


def prepare_as_is(folder):
    """Has images of the input size taken as they are. Returns mean and deviation."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if "pretrained_cfg" not in config:
        processor = json.loads((folder / "preprocessor_config.json").read_text())
        return processor["image_mean"], processor["image_std"]
    config["pretrained_cfg"]["crop_pct"] = 1.0
    path.write_text(json.dumps(config))
    return config["pretrained_cfg"]["mean"], config["pretrained_cfg"]["std"]


def check(program, name, case):
    generator = torch.Generator().manual_seed(7)
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / name
        folder.mkdir()
        (write_timm if case["library"] == "timm" else write_hf)(case, folder, generator)
        mean, std = prepare_as_is(folder)
        stored = (TimmModel if case["library"] == "timm" else HfModel)(case, folder)
        height, width = stored.size
        raw = np.random.default_rng(3).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
        images = [folder / f"{i}.png" for i in range(2)]
        for array, path in zip(raw, images):
            Image.fromarray(array).save(path)
        pixels = (torch.from_numpy(raw).permute(0, 3, 1, 2).float() / 255 - torch.tensor(mean)[:, None, None])
        with torch.no_grad():
            expected = stored.outputs(pixels / torch.tensor(std)[:, None, None])
        got = dict(pooled=embed(program, folder, images, "default"))
        if "projected" in expected:
            got["projected"] = embed(program, folder, images, "projected")
        if "logits" in expected:
            got["logits"] = classify(program, folder, images)
    errors = {}
    for kind, values in got.items():
        reference = expected[kind].numpy()
        if values.shape != reference.shape:
            raise SystemExit(f"{name}: {kind} has the shape {values.shape}, expected {reference.shape}")
        errors[kind] = np.abs(values - reference).max() / reference.std()
    parameters = sum(p.numel() for p in stored.model.parameters()) / 1e6
    print(f"{name}: {parameters:.1f} M parameters, input {height} x {width}, largest errors ÷ deviation:",
          ", ".join(f"{kind} {error:.1e}" for kind, error in errors.items()), flush=True)
    return max(errors.values()) <= TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("snapvit")
    parser.add_argument("cases", nargs="*")
    flags = parser.parse_args()
    print("timm", timm.__version__, "transformers", hf.__version__)
    chosen = {name: case for name, case in (CASES | SIZES).items() if name in flags.cases}
    if not flags.cases:
        chosen = CASES
    elif flags.cases == ["sizes"]:
        chosen = SIZES
    good = [check(flags.snapvit, name, case) for name, case in chosen.items()]
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()
