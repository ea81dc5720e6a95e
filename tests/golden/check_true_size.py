"""One random model of the true base size of each family and format, by its library and by `snapvit embed`.

usage: check_true_size.py SNAPVIT [CASE...]        (packages: tests/requirements-golden.txt; minutes, 1 GB of disk)

SNAPVIT is the program, e.g. build/release/bin/snapvit; the test true_size (scripts/test.sh -L slow) runs all cases. Each model is built with noise on every parameter, saved by its
own library into a temporary folder, read back by it, and asked for two images that already have the input size, so
that preparing them is a normalisation alone. Fails if an embedding is off by more than 1e-4 of the deviation, in f32.
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
    "timm_dinov2_registers": timm_base("vit_base_patch14_reg4_dinov2", img_size=224, num_classes=0),
    "timm_dinov3": timm_base("vit_base_patch16_dinov3", num_classes=0),
    "timm_siglip": timm_base("vit_base_patch16_siglip_224", num_classes=0),
    "timm_clip": timm_base("vit_base_patch16_clip_quickgelu_224.openai", num_classes=512, zero_head_bias=True),
    "hf_vit": hf_case(hf.ViTForImageClassification, hf.ViTConfig()),
    "hf_deit": hf_case(hf.DeiTForImageClassificationWithTeacher, hf.DeiTConfig()),
    "hf_dinov2": hf_case(hf.Dinov2Model, hf.Dinov2Config(image_size=518), input_size=(224, 224)),
    "hf_dinov2_registers": hf_case(hf.Dinov2WithRegistersModel, hf.Dinov2WithRegistersConfig(
        image_size=518, patch_size=14), input_size=(224, 224)),
    "hf_dinov3": hf_case(hf.DINOv3ViTModel, hf.DINOv3ViTConfig(
        hidden_size=768, num_attention_heads=12, intermediate_size=3072, num_register_tokens=4)),
    "hf_siglip": hf_case(hf.SiglipVisionModel, hf.SiglipVisionConfig()),
    "hf_clip": hf_case(hf.CLIPVisionModelWithProjection, hf.CLIPVisionConfig(patch_size=16)),
}


def embed(program, folder, images):
    """What `snapvit embed` makes of them, [images, D]."""
    out = folder / "embeddings.npy"
    subprocess.run([program, "embed", *images, "--model", folder, "--budget", "1", "--dtype", "fp32", "-o", out],
                   check=True, capture_output=True, text=True)
    return np.load(out)


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
            expected = stored.outputs(pixels / torch.tensor(std)[:, None, None])["pooled"].numpy()
        got = embed(program, folder, images)
    error = np.abs(got - expected).max() / expected.std()
    parameters = sum(p.numel() for p in stored.model.parameters()) / 1e6
    print(f"{name}: {parameters:.1f} M parameters, input {height} x {width}, largest error {error:.1e} of the "
          f"deviation", flush=True)
    return error <= TOLERANCE


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("snapvit")
    parser.add_argument("cases", nargs="*")
    flags = parser.parse_args()
    print("timm", timm.__version__, "transformers", hf.__version__)
    good = [check(flags.snapvit, name, case) for name, case in CASES.items()
            if not flags.cases or name in flags.cases]
    sys.exit(0 if good and all(good) else 1)


if __name__ == "__main__":
    main()
