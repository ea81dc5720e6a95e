"""Writes tests/testdata/preprocessing: images as the models of timm and transformers get them.

Inputs are synthetic_image() of make_image_goldens.py. Bytes are those after scaling and cutting, floats the model's
input [3, H, W]. Bytes and floats come from timm with Pillow, and from the Pillow backend of transformers; DINOv3's
processor has no such backend: its floats are torchvision's. Needs the packages of tests/requirements-golden.txt; run by
hand from the repository root:

    python tests/golden/make_preprocessing_goldens.py

  timm.tsv     w, h, seed, pretrained_cfg, SHA-256 of the bytes, SHA-256 of the floats; random
  hf.tsv       the same with preprocessor_config.json; random
  presets.tsv  the same with a file of presets/ instead of the JSON: a family's published configuration, as timm has it
               (the installed registry) or as transformers writes it (class defaults, or the hub's file as far as known)
  float.tsv    w, h, seed, preprocessor_config.json of DINOv3 or the name of a preset, H, W, step, offset in float.f32
  float.f32    every step-th float of these, little-endian
"""

import hashlib
import json
import pathlib
import random
import shutil

import numpy as np
import PIL
import timm
import torch
import torchvision
import transformers
from timm.data import create_transform, resolve_data_config
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.dinov3_vit.image_processing_dinov3_vit import DINOv3ViTImageProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from make_image_goldens import FILTERS, synthetic_image

for package, version in ((PIL, "13.0.0"), (timm, "1.0.31"), (transformers, "5.23.0")):
    assert package.__version__ == version, (package, package.__version__)
assert torchvision.__version__.startswith("0.26.0"), torchvision.__version__

OUT = pathlib.Path("tests/testdata/preprocessing")
PIL_PROCESSORS = {"ViT": ViTImageProcessorPil, "DeiT": DeiTImageProcessorPil, "Bit": BitImageProcessorPil,
                  "CLIP": CLIPImageProcessorPil, "Siglip": SiglipImageProcessorPil}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CLIP = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
# What photographs, thumbnails, and the extremes look like.
IMAGES = [(500, 375), (375, 500), (224, 224), (640, 427), (257, 256), (31, 45), (600, 40)]


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def compact(config: dict) -> str:
    return json.dumps(config, separators=(",", ":"))


# ---- timm ----

def timm_row(size: tuple[int, int], seed: int, config: dict) -> tuple[int, int, int, str, str]:
    """What timm makes of the synthetic image: w, h, seed, hash of the bytes [H, W, 3], hash of the floats."""
    options = resolve_data_config(pretrained_cfg=config)
    image = synthetic_image(*size, seed)
    pixels = create_transform(**options, normalize=False)(image)
    floats = create_transform(**options)(image)
    assert pixels.dtype == torch.uint8 and floats.dtype == torch.float32
    assert tuple(floats.shape) == tuple(options["input_size"])
    return (*size, seed, sha256(pixels.permute(1, 2, 0).numpy()), sha256(floats.numpy()))


def random_timm_config(rng: random.Random) -> dict:
    side = rng.choice((16, 32, 56, 97, 112, 224))
    height, width = (side, side) if rng.random() < 0.6 else (rng.randint(8, 160), rng.randint(8, 160))
    mean = rng.choice(([0.485, 0.456, 0.406], [0.5, 0.5, 0.5], CLIP["image_mean"]))
    std = rng.choice(([0.229, 0.224, 0.225], [0.5, 0.5, 0.5], CLIP["image_std"]))
    return {"input_size": [3, height, width], "interpolation": rng.choice(list(FILTERS)),
            "crop_mode": rng.choice(("center", "squash", "border")),
            "crop_pct": rng.choice((0.875, 0.9, 0.95, 0.965, 1.0, 1.15, round(rng.uniform(0.3, 1), 3))),
            "mean": mean, "std": std}


def random_size(rng: random.Random) -> tuple[int, int]:
    limit = rng.choice((20, 120, 400, 700))
    return (rng.randint(1, limit), rng.randint(1, limit))


def write_timm(count: int) -> None:
    rng = random.Random(60)
    rows = []
    while len(rows) < count:
        config = random_timm_config(rng)
        try:
            width, height, seed, *hashes = timm_row(random_size(rng), len(rows), config)
        except ValueError as error:  # an edge that rounds to 0
            print(f"skipped: {error}")
            continue
        rows.append((width, height, seed, compact(config), *hashes))
    write_table("timm.tsv", rows)


# ---- transformers ----

def pil_processor(config: dict):
    name = config.get("image_processor_type") or config.get("feature_extractor_type")
    stem = name.replace("ImageProcessor", "").replace("FeatureExtractor", "").removesuffix("Fast").removesuffix("Pil")
    return PIL_PROCESSORS[stem].from_dict(config)


def hf_row(size: tuple[int, int], seed: int, config: dict) -> tuple:
    image = synthetic_image(*size, seed)
    processor = pil_processor(config)
    pixels = processor(image, do_rescale=False, do_normalize=False)["pixel_values"][0]
    floats = processor(image)["pixel_values"][0]
    assert pixels.dtype == np.uint8, pixels.dtype
    return (*size, seed, sha256(pixels.transpose(1, 2, 0)), sha256(floats.astype(np.float32)))


def random_hf_config(rng: random.Random) -> dict:
    stem = rng.choice(list(PIL_PROCESSORS))
    suffix = rng.choice(("ImageProcessor", "ImageProcessor", "ImageProcessorFast", "FeatureExtractor"))
    config = {"feature_extractor_type" if suffix == "FeatureExtractor" else "image_processor_type": stem + suffix}
    side = rng.choice((24, 56, 112, rng.randint(8, 224)))
    config["do_center_crop"] = rng.random() < 0.6
    if config["do_center_crop"]:
        config["size"] = rng.choice((side, {"shortest_edge": side}, {"height": side, "width": rng.randint(8, 160)}))
        other = rng.choice((side, max(1, side - rng.randint(1, 40)), side + rng.randint(1, 9)))
        config["crop_size"] = rng.choice((side, other, {"height": side, "width": other}))
    else:
        config["size"] = {"height": side, "width": rng.choice((side, rng.randint(8, 160)))}
    if rng.random() < 0.85:
        config["resample"] = rng.randint(0, 5)
    if config["do_center_crop"] and rng.random() < 0.15:
        config["do_resize"] = False
    if rng.random() < 0.3:
        config["rescale_factor"] = rng.choice((1 / 255, 0.00784313725490196, 1 / 256))
    if rng.random() < 0.15:
        config["do_rescale"] = False
    if rng.random() < 0.15:
        config["do_normalize"] = False
    if rng.random() < 0.8:
        config |= rng.choice((IMAGENET, HALF, CLIP, {"image_mean": 0.25, "image_std": 0.5}))
    return config


def write_hf(count: int) -> None:
    rng = random.Random(70)
    rows = []
    while len(rows) < count:
        config = random_hf_config(rng)
        width, height, seed, *hashes = hf_row(random_size(rng), len(rows), config)
        rows.append((width, height, seed, compact(config), *hashes))
    write_table("hf.tsv", rows)


# ---- Presets ----

TIMM_PRESETS = (
    "vit_base_patch16_224.augreg_in21k_ft_in1k", "vit_base_patch16_384.augreg_in21k_ft_in1k",
    "vit_small_patch16_224.dino", "vit_base_patch16_224.mae", "deit_base_patch16_224.fb_in1k",
    "deit_base_distilled_patch16_384.fb_in1k", "deit3_base_patch16_224.fb_in1k", "deit3_base_patch16_384.fb_in22k_ft_in1k",
    "vit_base_patch14_dinov2.lvd142m", "vit_base_patch14_reg4_dinov2.lvd142m", "vit_base_patch16_dinov3.lvd1689m",
    "vit_base_patch16_siglip_224.webli", "vit_base_patch16_siglip_384.v2_webli", "vit_so400m_patch14_siglip_378.v2_webli",
    "vit_base_patch16_clip_224.openai", "vit_large_patch14_clip_336.openai")

# Published files as far as they are known here: CONVENTIONS-style fields, old layouts (numbers as sizes,
# feature_extractor_type) and present ones. "saved_" files are what transformers 5.23 writes from class defaults.
HF_PRESETS = {
    "vit_augreg": {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_processor_type": "ViTImageProcessor",
                   "resample": 2, "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224}} | HALF,
    "vit_old": {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "resample": 2,
                "size": 384} | HALF,
    "dino": {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "resample": 2,
             "size": 224} | IMAGENET,
    "mae": {"do_normalize": True, "do_resize": True, "feature_extractor_type": "ViTFeatureExtractor", "resample": 2,
            "size": 224} | IMAGENET,
    "deit": {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
             "feature_extractor_type": "DeiTFeatureExtractor", "resample": 3, "size": 256} | IMAGENET,
    "deit_384": {"crop_size": 384, "do_center_crop": True, "do_normalize": True, "do_resize": True,
                 "feature_extractor_type": "DeiTFeatureExtractor", "resample": 3, "size": 438} | IMAGENET,
    "dinov2": {"crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "do_convert_rgb": True,
               "do_normalize": True, "do_rescale": True, "do_resize": True, "image_processor_type": "BitImageProcessor",
               "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}} | IMAGENET,
    "siglip": {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_processor_type": "SiglipImageProcessor",
               "processor_class": "SiglipProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
               "size": {"height": 384, "width": 384}} | HALF,
    "siglip2_fixed": {"do_convert_rgb": None, "do_normalize": True, "do_rescale": True, "do_resize": True,
                      "image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor", "resample": 2,
                      "rescale_factor": 0.00392156862745098, "size": {"height": 256, "width": 256}} | HALF,
    "clip_old": {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
                 "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": 224} | CLIP,
    "clip_336": {"crop_size": {"height": 336, "width": 336}, "do_center_crop": True, "do_convert_rgb": True,
                 "do_normalize": True, "do_rescale": True, "do_resize": True, "image_processor_type": "CLIPImageProcessor",
                 "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 336}} | CLIP,
}
DINOV3_PRESET = {"crop_size": None, "data_format": "channels_first", "default_to_square": True, "device": None,
                 "disable_grouping": None, "do_center_crop": None, "do_convert_rgb": None, "do_normalize": True,
                 "do_rescale": True, "do_resize": True, "image_processor_type": "DINOv3ViTImageProcessorFast",
                 "input_data_format": None, "resample": 2, "return_tensors": None,
                 "rescale_factor": 0.00392156862745098, "size": {"height": 224, "width": 224}} | IMAGENET


def write_preset(name: str, config: dict) -> None:
    (OUT / "presets" / name).write_text(json.dumps(config, indent=2) + "\n")


def write_presets() -> None:
    (OUT / "presets").mkdir()
    rows = []

    def add(name: str, config: dict, row) -> None:
        for seed, size in enumerate(IMAGES):
            width, height, _, *hashes = row(size, seed, config)
            rows.append((width, height, seed, name, *hashes))

    for model in TIMM_PRESETS:
        config = timm.models.get_pretrained_cfg(model).to_dict(remove_source=True, remove_null=True)
        name = f"timm_{model}.json"
        write_preset(name, {"architecture": model.split(".")[0], "pretrained_cfg": config})
        add(name, config, timm_row)
    presets = dict(HF_PRESETS)
    for stem, processor in PIL_PROCESSORS.items():
        presets[f"saved_{stem.lower()}"] = json.loads(processor().to_json_string())
    for name, config in presets.items():
        write_preset(f"hf_{name}.json", config)
        add(f"hf_{name}.json", config, hf_row)
    write_preset("hf_dinov3.json", DINOV3_PRESET)
    write_preset("hf_saved_dinov3.json", json.loads(DINOv3ViTImageProcessor().to_json_string()))
    write_table("presets.tsv", rows)


# ---- Floats ----

def random_float_config(rng: random.Random) -> dict:
    side = rng.randint(4, 40)
    config = {"image_processor_type": "DINOv3ViTImageProcessorFast", "resample": rng.choice((2, 2, 3)),
              "size": {"height": side, "width": rng.choice((side, rng.randint(4, 40)))}}
    if rng.random() < 0.4:
        config["size"] = {"shortest_edge": side}
    if "shortest_edge" in config["size"] or rng.random() < 0.3:
        config |= {"do_center_crop": True, "crop_size": {"height": max(1, side - rng.randint(-3, 9)), "width": side}}
    if rng.random() < 0.1:
        config["do_normalize"] = False
    return config


def write_float() -> None:
    rng = random.Random(80)
    rows, numbers = [], []

    def add(size: tuple[int, int], config: dict, shown: str, step: int) -> None:
        seed = len(rows)
        floats = DINOv3ViTImageProcessor.from_dict(config)(synthetic_image(*size, seed), return_tensors="pt")
        floats = floats["pixel_values"][0].numpy()
        assert floats.dtype == np.float32
        rows.append((*size, seed, shown, *floats.shape[1:], step, sum(map(len, numbers))))
        numbers.append(floats.reshape(-1)[::step])

    for name in ("hf_dinov3.json", "hf_saved_dinov3.json"):
        for size in (*IMAGES, (1600, 1200), (3000, 70)):
            add(size, json.loads((OUT / "presets" / name).read_text()), name, 97)
    for _ in range(60):
        config = random_float_config(rng)
        add(random_size(rng), config, compact(config), 5)
    write_table("float.tsv", rows)
    (OUT / "float.f32").write_bytes(np.concatenate(numbers).astype("<f4").tobytes())


def write_table(name: str, rows: list[tuple]) -> None:
    (OUT / name).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    write_timm(300)
    write_hf(300)
    write_presets()
    write_float()
    files = [f for f in OUT.rglob("*") if f.is_file()]
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes")


if __name__ == "__main__":
    main()
