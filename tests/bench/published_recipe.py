"""The published SnapViT recipe in plain PyTorch: what our orderings, and the time they take, are compared with.

usage: published_recipe.py MODEL_DIR IMAGES [-o ORDERING.safetensors] > trace.csv
       published_recipe.py MODEL_DIR IMAGES --score ORDERING.safetensors …
                                                  (packages: tests/requirements-golden.txt)

1. Gradients of the self-distillation loss of 2 global and 10 local views (all global ones are one crop, all local
   ones another, as in the published code; --collapsed computes the same with one pass each), squared after the sum.
2. Embeddings of other images by the dense model, and their first 192 principal components.
3. xNES over one multiplier a block's MLP and a head: 50 evaluations of 1 − mean cosine to the dense embeddings at four
   pairs of ratios, units masked in place, so that each costs as much as the dense model.

Kinder to the recipe than the published code: every image is decoded once, nothing is copied to prune, inference mode,
the fastest batch. f32 throughout. The trace has a line an evaluation, with seconds since the start of the program (after
imports); the seconds of each stage go to standard error. --score evaluates the fitness of step 3 for the scores of
ordering files as they are: same images, same components, same masks. Repeat --images counts and --seed for that.
"""
import argparse
import itertools
import json
import math
import os
import pathlib
import sys
import time

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from torch.nn.functional import cosine_similarity, normalize
from torchvision.transforms import v2

GLOBAL_VIEWS, LOCAL_VIEWS = 2, 10
# Of ImageNet, whatever the model was trained with.
VIEW_MEAN, VIEW_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
GRADIENT_BATCH = 16
MIN_MLP_KEEP, MIN_HEAD_KEEP = 0.05, 0.2
RATIO_PAIRS = ((0.15, 0.0), (0.35, 0.2), (0.55, 0.4), (0.65, 0.5))  # (MLP, heads) removed
PROTECTED = torch.finfo(torch.float32).max
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class Stages:
    """Seconds since the start, and of each stage."""

    def __init__(self):
        self.start = self.last = time.perf_counter()

    def seconds(self):
        return time.perf_counter() - self.start

    def done(self, name):
        now = time.perf_counter()
        print(f"{name}: {now - self.last:.2f} s", file=sys.stderr, flush=True)
        self.last = now


def load_model(folder):
    """(model in f32, timm's evaluation transform)"""
    config = json.loads((folder / "config.json").read_text())
    if timm.is_model(config["architecture"]):
        model = timm.create_model(f"local-dir:{folder}", pretrained=True)
    else:  # the demo model: a plain ViT that timm has no name for
        model = VisionTransformer(**config["model_args"])
        model.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    data = timm.data.resolve_data_config(pretrained_cfg=config["pretrained_cfg"])
    return model.eval().float().requires_grad_(False), timm.data.create_transform(**data, is_training=False)


def choose_images(folder, counts, seed):
    """As many decoded images, for each count, in an order drawn with the seed."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if len(files) < sum(counts):
        sys.exit(f"{folder} has {len(files)} images, expected {sum(counts)}: see --gradient-images, --search-images")
    order = iter(torch.randperm(len(files), generator=torch.Generator().manual_seed(seed)).tolist())
    return [[Image.open(files[i]).convert("RGB") for i in itertools.islice(order, count)] for count in counts]


def embed(model, pixels):
    return model.forward_head(model.forward_features(pixels), pre_logits=True)


# --- Gradient scores -------------------------------------------------------------------------------------------------


def make_views(images, size):
    """Two crops of each image, [images, 2, 3, H, W]: a global and a local one."""
    crops = [v2.RandomResizedCrop(size, scale=scale, antialias=True) for scale in ((0.25, 1.0), (0.05, 0.25))]
    finish = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(VIEW_MEAN, VIEW_STD)])
    return torch.stack([torch.stack([finish(crop(v2.functional.pil_to_tensor(image))) for crop in crops])
                        for image in images])


def cross_entropy(teacher, student):
    """[…] between softmaxes of unit vectors, temperature 1."""
    return -(normalize(teacher, dim=-1).softmax(-1) * normalize(student, dim=-1).log_softmax(-1)).sum(-1)


def full_loss(model, views):
    """Mean over images of the 22 terms; every copy of a view goes through the model."""
    teachers = views[:, :1].repeat(1, GLOBAL_VIEWS, 1, 1, 1)
    students = torch.cat([teachers, views[:, 1:].repeat(1, LOCAL_VIEWS, 1, 1, 1)], dim=1)
    with torch.no_grad():
        z_teachers = embed(model, teachers.flatten(0, 1)).unflatten(0, teachers.shape[:2])
    z_students = embed(model, students.flatten(0, 1)).unflatten(0, students.shape[:2])
    terms = [cross_entropy(z_teachers[:, t], z_students[:, s])
             for t in range(GLOBAL_VIEWS) for s in range(GLOBAL_VIEWS + LOCAL_VIEWS) if s != t]
    return torch.stack(terms).sum(0).mean()


def collapsed_loss(model, views):
    """The same gradient: terms of a crop with itself have none, and the others are equal."""
    with torch.no_grad():
        z_global = embed(model, views[:, 0])
    return GLOBAL_VIEWS * LOCAL_VIEWS * cross_entropy(z_global, embed(model, views[:, 1])).mean()


def gradient_scores(model, images, size, loss_of):
    """(MLP [L, h], heads [L, H]) from gradients summed over batches."""
    scored = [weight for block in model.blocks for weight in (block.mlp.fc1.weight, block.attn.qkv.weight)]
    for weight in scored:
        weight.requires_grad_(True)
    for start in range(0, len(images), GRADIENT_BATCH):
        loss_of(model, make_views(images[start:start + GRADIENT_BATCH], size)).backward()
    mlp, heads = [], []
    for block in model.blocks:
        mlp.append(block.mlp.fc1.weight.grad.square().mean(1))
        value_rows = block.attn.qkv.weight.grad.reshape(3, block.attn.num_heads, block.attn.head_dim, -1)[2]
        heads.append(value_rows.square().mean((1, 2)))
    for weight in scored:
        weight.grad = None
        weight.requires_grad_(False)
    return torch.stack(mlp), torch.stack(heads)


# --- Fitness ---------------------------------------------------------------------------------------------------------


def kept(scores, ratio, min_keep):
    """[L, n] of bool: rule A of the published code, one ranking over all blocks."""
    scores = scores.clone()
    protected = int(scores.shape[1] * min_keep)
    scores.scatter_(1, scores.topk(protected, dim=1).indices, PROTECTED)
    flat = scores.flatten()
    flat[flat.argsort()[:int(scores.shape[1] * ratio * scores.shape[0])]] = 0
    return flat.view_as(scores) != 0


class Fitness:
    """1 − mean cosine to the dense embeddings, mean over the ratio pairs. Lower is better."""

    def __init__(self, model, pixels, components, batch):
        self.model, self.pixels, self.batch = model, pixels, batch
        # What leaves a unit: zero there is a unit that is not there.
        self.outputs = [(block.mlp.fc2.weight, block.attn.proj.weight) for block in model.blocks]
        self.dense = [(fc2.clone(), proj.clone()) for fc2, proj in self.outputs]
        teacher = self.embeddings()
        self.mean, self.axes = None, None
        if components < teacher.shape[1]:  # else the published code compares embeddings as they are
            self.mean = teacher.mean(0)
            self.axes = torch.linalg.svd(teacher - self.mean, full_matrices=False)[2][:components].T
        self.teacher = self.project(teacher)

    def embeddings(self):
        return torch.cat([embed(self.model, some) for some in self.pixels.split(self.batch)])

    def project(self, z):
        return z if self.axes is None else (z - self.mean) @ self.axes

    def mask(self, channels, heads):
        for (fc2, proj), block_channels, block_heads in zip(self.outputs, channels, heads):
            fc2.mul_(block_channels)
            proj.mul_(block_heads.repeat_interleave(proj.shape[1] // len(block_heads)))

    def restore(self):
        for weights, originals in zip(self.outputs, self.dense):
            for weight, original in zip(weights, originals):
                weight.copy_(original)

    def losses(self, mlp_scores, head_scores):
        """One per ratio pair."""
        losses = []
        for mlp_ratio, head_ratio in RATIO_PAIRS:
            self.mask(kept(mlp_scores, mlp_ratio, MIN_MLP_KEEP), kept(head_scores, head_ratio, MIN_HEAD_KEEP))
            losses.append(1 - cosine_similarity(self.project(self.embeddings()), self.teacher).mean().item())
            self.restore()
        return losses

    def __call__(self, mlp_scores, head_scores):
        return float(np.mean(self.losses(mlp_scores, head_scores)))


def fastest_batch(model, pixels):
    """Of a few batch sizes, the one whose dense pass takes the least time an image."""
    seconds = {}
    for batch in (8, 16, 32, 64, 128, 256):
        if batch > len(pixels):
            break
        some = pixels[:min(len(pixels), max(batch, 128) // batch * batch)]
        for _ in range(2):  # the first warms up
            start = time.perf_counter()
            for part in some.split(batch):
                embed(model, part)
            seconds[batch] = (time.perf_counter() - start) / len(some)
    print("ms an image by batch: " + ", ".join(f"{b}: {1e3 * s:.2f}" for b, s in seconds.items()), file=sys.stderr)
    return min(seconds, key=seconds.get)


# --- Search ----------------------------------------------------------------------------------------------------------


class Xnes:
    """Exponential natural evolution strategy (Glasmachers et al. 2010) with pypop7's constants and random numbers.

    Restarts, which need more than 10 + 30 d/λ generations without progress, are left out.
    """

    def __init__(self, mean, seed):
        self.mean = mean.copy()
        d = len(mean)
        self.population = 4 + int(3 * math.log(d))
        self.rate = 0.6 * (3 + math.log(d)) / (d * math.sqrt(d))
        self.root = np.eye(d)  # A; samples are m + A·s
        ranks = np.arange(1, self.population + 1)
        utilities = np.maximum(0, math.log(self.population / 2 + 1) - np.log(ranks))
        self.utilities = utilities / utilities.sum() - 1 / self.population
        seeds = np.random.default_rng(seed)
        seeds.integers(np.iinfo(np.int64).max)  # the first seed draws means that are not given
        self.random = np.random.default_rng(seeds.integers(np.iinfo(np.int64).max))
        self.generation = []  # (fitness, s) of those tried

    def ask(self):
        self.s = self.random.standard_normal(len(self.mean))
        return self.mean + self.root @ self.s

    def tell(self, fitness):
        self.generation.append((fitness, self.s))
        if len(self.generation) < self.population:
            return
        # Best first; the sort is stable.
        s = np.stack([s for _, s in sorted(self.generation, key=lambda one: one[0])])
        d = len(self.mean)
        gradient = (self.utilities[:, None] * s).T @ s - self.utilities.sum() * np.eye(d)
        self.mean += self.root @ (self.utilities @ s)
        # The rates of size and of shape are equal, so that both parts of the gradient are added as one.
        self.root = self.root @ torch.linalg.matrix_exp(torch.from_numpy(0.5 * self.rate * gradient)).numpy()
        self.generation = []


def search(fitness, mlp, heads, evaluations, seed, stages):
    """Scores times the absolute multipliers of the best individual. Prints the trace."""
    blocks, heads_per_block = heads.shape
    start = np.linspace(1.2, 0.8, blocks)
    xnes = Xnes(np.concatenate([start, np.repeat(start, heads_per_block)]), seed)
    best, best_scores = math.inf, None
    print("evaluation,seconds,fitness,best")
    for evaluation in range(1, evaluations + 1):
        x = torch.from_numpy(np.abs(xnes.ask()).astype(np.float32))
        scores = mlp * x[:blocks, None], heads * x[blocks:].view(blocks, -1)
        value = fitness(*scores)
        if value < best:
            best, best_scores = value, scores
        xnes.tell(value)
        print(f"{evaluation},{stages.seconds():.3f},{value:.6f},{best:.6f}", flush=True)
    return best_scores


# --- Files and command line ------------------------------------------------------------------------------------------


def write_ordering(path, mlp, heads, args):
    """docs/formats.md"""
    save_file({"mlp_scores": mlp.contiguous(), "head_scores": heads.contiguous()}, path, metadata={
        "format": "snapvit-ordering", "version": "1", "model_fingerprint": "any", "recipe": "published",
        "calibration_source": f"{args.gradient_images} and {args.search_images} images, {args.evaluations} evaluations",
        "seed": str(args.seed), "min_mlp_keep": str(MIN_MLP_KEEP), "min_head_keep": str(MIN_HEAD_KEEP),
        "path": "published"})


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("images", type=pathlib.Path, help="folder, searched recursively")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="ordering file to write")
    parser.add_argument("--score", type=pathlib.Path, nargs="+", default=[], metavar="ORDERING",
                        help="fitness of these ordering files' scores; no gradients, no search")
    parser.add_argument("--gradient-images", type=int, default=1000)
    parser.add_argument("--search-images", type=int, default=1000)
    parser.add_argument("--evaluations", type=int, default=50, help="0: the gradient scores as they are")
    parser.add_argument("--components", type=int, default=192, help="of the PCA; as many as dimensions: none")
    parser.add_argument("--collapsed", action="store_true", help="equal views go through the model once")
    parser.add_argument("--batch", type=int, default=0, help="images of a pass of the search; 0: the fastest")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=42)
    return parser.parse_args()


def main():
    args = parse_arguments()
    stages = Stages()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model, transform = load_model(args.model)
    gradient_images, search_images = choose_images(args.images, (args.gradient_images, args.search_images), args.seed)
    pixels = torch.stack([transform(image) for image in search_images])
    stages.done("images")

    if not args.score:
        loss = collapsed_loss if args.collapsed else full_loss
        mlp, heads = gradient_scores(model, gradient_images, pixels.shape[-2:], loss)
        stages.done("gradients")
    with torch.inference_mode():
        batch = args.batch or fastest_batch(model, pixels)
        stages.done(f"batch of {batch}")
        fitness = Fitness(model, pixels, args.components, batch)
        stages.done("teacher and PCA")
        if args.score:
            print("ordering,fitness," + ",".join(f"mlp {m} heads {h}" for m, h in RATIO_PAIRS))
            for path in args.score:
                stored = load_file(path)
                losses = fitness.losses(stored["mlp_scores"], stored["head_scores"])
                print(f"{path},{np.mean(losses):.6f}," + ",".join(f"{loss:.6f}" for loss in losses))
        elif args.evaluations > 0:
            mlp, heads = search(fitness, mlp, heads, args.evaluations, args.seed, stages)
        stages.done("scores" if args.score else "search")
    if args.output and not args.score:
        write_ordering(args.output, mlp, heads, args)


if __name__ == "__main__":
    main()
