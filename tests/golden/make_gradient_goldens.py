"""Makes tests/testdata/models/gradient_scores: a small random timm ViT, crops, and the gradient scores of the published recipe.

usage: make_gradient_goldens.py [OUT_DIR]          (packages: tests/requirements-golden.txt)

The recipe term by term, as slow as it is written: every teacher, every student, every term of every image. Views are
random crops of made-up images, as bytes. goldens.safetensors, 6 images of 2 global and 10 local views each:
  views [6,12,3,H,W] u8              pixels; the model's input is (v/255 - mean)/std
  mlp_scores [L,h], head_scores [L,H]                      of batches of 4 and 2 images
  collapsed.mlp_scores, collapsed.head_scores              the same if each image has but two distinct views, 0 (twice)
                                                           and 2 (ten times), as in the published code
The scores are those in f64 from the stored f32 weights; rounded in metadata is how far timm in f32 is from them.
"""
import pathlib
import sys

import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf
from torchvision.transforms import v2

from make_timm_goldens import randomize

IMAGES, GLOBAL_VIEWS, LOCAL_VIEWS = 6, 2, 10
BATCH = 4
ARCHITECTURE = "vit_base_patch16_224"
ARGS = dict(img_size=16, patch_size=4, embed_dim=24, depth=3, num_heads=3, num_classes=5)


def made_up_image(size=40):
    """Smooth noise and a sharp edge, [3,size,size] u8."""
    coarse = torch.rand(1, 3, 5, 5)
    image = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic")[0]
    image[:, :, size // 3:] *= torch.rand(3, 1, 1)
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def crops(size):
    """[IMAGES, views, 3, size, size] u8: each view a crop of its own."""
    global_crop = v2.RandomResizedCrop(size, scale=(0.25, 1.0), antialias=True)
    local_crop = v2.RandomResizedCrop(size, scale=(0.05, 0.25), antialias=True)
    views = []
    for _ in range(IMAGES):
        image = made_up_image()
        views.append(torch.stack([global_crop(image) for _ in range(GLOBAL_VIEWS)]
                                 + [local_crop(image) for _ in range(LOCAL_VIEWS)]))
    return torch.stack(views)


def embedding(model, pixels):
    return model.forward_head(model.forward_features(pixels), pre_logits=True)


def image_loss(student, teacher, views):
    """Sum of the 22 cross entropies of one image, views [12,3,H,W]."""
    with torch.no_grad():
        targets = [torch.softmax(torch.nn.functional.normalize(embedding(teacher, v[None])[0], dim=0), 0)
                   for v in views[:GLOBAL_VIEWS]]
    loss, terms = 0, 0
    for s, view in enumerate(views):
        logs = torch.log_softmax(torch.nn.functional.normalize(embedding(student, view[None])[0], dim=0), 0)
        for t, target in enumerate(targets):
            if s != t:
                loss, terms = loss - (target * logs).sum(), terms + 1
    assert terms == 22
    return loss


def scores(model, views):
    """(mlp [L,h], heads [L,H]) from normalised views [images,12,3,H,W]."""
    model.zero_grad()
    for batch in views.split(BATCH):
        # Mean over the batch; backward() adds to the gradients of the batches before.
        torch.stack([image_loss(model, model, image) for image in batch]).mean().backward()
    mlp, heads = [], []
    for block in model.blocks:
        mlp.append(block.mlp.fc1.weight.grad.square().mean(dim=1))
        attention = block.attn
        rows = attention.qkv.weight.grad.reshape(3, attention.num_heads, attention.head_dim, -1)
        heads.append(rows[2].square().mean(dim=(1, 2)))
    return torch.stack(mlp), torch.stack(heads)


def main():
    root = pathlib.Path(__file__).resolve().parents[1] / "testdata" / "models"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "gradient_scores"
    torch.set_num_threads(1)
    torch.manual_seed(11)
    model = timm.create_model(ARCHITECTURE, **ARGS).eval()
    randomize(model, torch.Generator().manual_seed(11))
    save_for_hf(model, out, safe_serialization=True)
    stored = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    cfg = stored.pretrained_cfg
    views = crops(ARGS["img_size"])

    result, rounded = {"views": views}, 0
    for prefix, chosen in (("", views), ("collapsed.", views[:, [0] * GLOBAL_VIEWS + [2] * LOCAL_VIEWS])):
        exact = []
        for dtype in (torch.float64, torch.float32):
            mean, std = (torch.tensor(cfg[k], dtype=dtype).view(3, 1, 1) for k in ("mean", "std"))
            exact.append(scores(stored.to(dtype), (chosen.to(dtype) / 255 - mean) / std))
        for name, f64, f32 in zip(("mlp_scores", "head_scores"), *exact):
            result[prefix + name] = f64.float().contiguous()
            rounded = max(rounded, ((f32 - f64) / f64).abs().max().item())
            print(prefix + name, f"from {f64.min():.3g} to {f64.max():.3g}")
    print(f"f32 against f64: relative error {rounded:.2g}")
    save_file(result, out / "goldens.safetensors",
              metadata={"timm": timm.__version__, "rounded": f"{rounded:.2g}"})


if __name__ == "__main__":
    main()
