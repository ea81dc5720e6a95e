"""The models of tests/bench/peers.py, and the runtimes that it measures: ours by engine_bench, others in this process.

A contestant has run(pixels) -> the embeddings of a batch, and measure(batch) -> milliseconds of one.
"""
import copy
import json
import pathlib
import subprocess
import time

import numpy
import timm
import torch
from timm.models import save_for_hf

TIMM_NAMES = {"s": "vit_small_patch16_224", "b": "vit_base_patch16_224", "l": "vit_large_patch16_224"}
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


@torch.no_grad()
def random_model(size, folder, **model_args):
    """A model without classifier, noise on every parameter, which is also left in `folder` as a hub folder."""
    torch.manual_seed(1)
    model = timm.create_model(TIMM_NAMES[size], num_classes=0, **model_args).eval()
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape)
        if parameter.ndim == 1:  # biases, and the scales of norms
            parameter.add_(0.1 * noise)
        elif parameter.shape[0] == 1:  # class token and positions
            parameter.copy_(0.3 * noise)
        else:
            parameter.copy_(noise / parameter[0].numel() ** 0.5)
    save_for_hf(model, folder, safe_serialization=True, model_args=model_args or None)
    return model


def shortened(layer, rows=None, columns=None):
    """A linear layer of some rows (outputs) or columns (inputs) of another."""
    weight = layer.weight if rows is None else layer.weight[rows]
    weight = weight if columns is None else weight[:, :columns]
    bias = layer.bias if rows is None else layer.bias[rows]
    result = torch.nn.Linear(weight.shape[1], weight.shape[0])
    result.weight = torch.nn.Parameter(weight.detach().clone())
    result.bias = torch.nn.Parameter(bias.detach().clone())
    return result


def cut_model(model, channels, heads):
    """A plain model that has the first channels and heads of each block and nothing else."""
    model = copy.deepcopy(model)
    for block, width, count in zip(model.blocks, channels, heads):
        attention, dim = block.attn, block.attn.head_dim
        rows = torch.arange(3 * attention.num_heads * dim).view(3, -1)[:, :count * dim].flatten()
        attention.qkv = shortened(attention.qkv, rows=rows)
        attention.proj = shortened(attention.proj, columns=count * dim)
        attention.num_heads, attention.attn_dim = count, count * dim
        block.mlp.fc1 = shortened(block.mlp.fc1, rows=torch.arange(width))
        block.mlp.fc2 = shortened(block.mlp.fc2, columns=width)
    return model.eval()


class EngineBench:
    """The process of engine_bench; ask() sends a command and gives its answer."""

    def __init__(self, program, folder, dtype, threads, *rungs):
        self.process = subprocess.Popen(
            [program, folder, {"f32": "fp32"}.get(dtype, dtype), *map(str, (threads, *rungs))], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"peers: engine_bench ended at {words}, exit status {self.process.wait()}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    """`output`: "default", rows that the embedding does not need are left out; "patches", all are computed."""

    def __init__(self, bench, budget, output, folder):
        self.bench, self.budget, self.output, self.folder = bench, budget, output, pathlib.Path(folder)

    def run(self, pixels):
        file = self.folder / "pixels.f32"
        file.write_bytes(pixels.numpy().tobytes())
        return torch.tensor(self.bench.ask("embed", self.budget, self.output, file)["embeddings"])

    def measure(self, batch):
        return self.bench.ask("time", self.budget, batch, self.output)["ms"]


class Peer:
    """A runtime in this process. `batches`: what it may be asked for; programs are made for each of them."""
    dtypes = ("f32", "bf16")

    def __init__(self, model, dtype, threads, batches, folder):
        self.programs, self.pixels = {}, {}
        side = model.patch_embed.img_size[0]
        for batch in batches:
            self.pixels[batch] = self.to_input(torch.randn(batch, 3, side, side), dtype)
        self.dtype = dtype
        self.build(model, dtype, threads, folder)

    def to_input(self, pixels, dtype):
        return pixels.numpy()

    def run(self, pixels):
        return torch.as_tensor(self.call(len(pixels), self.to_input(pixels, self.dtype))).float().clone()

    def measure(self, batch):
        start = time.perf_counter()
        self.call(batch, self.pixels[batch])
        return 1e3 * (time.perf_counter() - start)


class Eager(Peer):
    def build(self, model, dtype, threads, folder):
        torch.set_num_threads(threads)
        self.model = copy.deepcopy(model).to(DTYPES[dtype])

    def to_input(self, pixels, dtype):
        return pixels.to(DTYPES[dtype])

    @torch.no_grad()
    def call(self, batch, pixels):
        return self.model(pixels)


class Compiled(Eager):
    """torch.compile with constants folded and weights packed ("freezing"), one program for each batch size."""

    def build(self, model, dtype, threads, folder):
        super().build(model, dtype, threads, folder)
        torch._inductor.config.freezing = True
        self.model = torch.compile(self.model, dynamic=False)
        for batch, pixels in self.pixels.items():
            self.call(batch, pixels)


class OpenVino(Peer):
    def build(self, model, dtype, threads, folder):
        import openvino
        shape = self.pixels[min(self.pixels)].shape
        exported = openvino.convert_model(model, example_input=torch.zeros(shape))
        core = openvino.Core()
        for batch in self.pixels:
            exported.reshape([batch, *shape[1:]])
            self.programs[batch] = core.compile_model(exported, "CPU", {
                "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                "ENABLE_CPU_PINNING": False, "INFERENCE_PRECISION_HINT": dtype}).create_infer_request()

    def call(self, batch, pixels):
        return self.programs[batch].infer([pixels], share_inputs=True, share_outputs=True)[0]


class OnnxRuntime(Peer):
    dtypes = ("f32",)  # its CPU provider has no bf16 products

    def build(self, model, dtype, threads, folder):
        import onnxruntime
        file = str(pathlib.Path(folder) / "cut.onnx")
        torch.onnx.export(model, (torch.zeros(2, *self.pixels[min(self.pixels)].shape[1:]),), file,
                          dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False)
        for batch in self.pixels:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.add_free_dimension_override_by_name("batch", batch)
            # Threads that wait for more work would take the processor from the next contestant.
            options.add_session_config_entry("session.force_spinning_stop", "1")
            self.programs[batch] = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def call(self, batch, pixels):
        session = self.programs[batch]
        return session.run(None, {session.get_inputs()[0].name: numpy.ascontiguousarray(pixels)})[0]


PEERS = {"OpenVINO": OpenVino, "ONNX Runtime": OnnxRuntime, "compiled PyTorch": Compiled, "eager PyTorch": Eager}
