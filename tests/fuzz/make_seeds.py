#!/usr/bin/env python3
"""Makes the seeds of the corpus that are made from tests/testdata, or are no text: tests/fuzz/make_seeds.py. Python's own library is enough.

Seeds are small, and named seed_*; everything else in a corpus was found by a search or written by hand, and is left alone."""
import base64
import gzip
import json
import pathlib
import struct
import zipfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
TESTDATA = HERE.parent / "testdata"


def write(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed_{name}").write_bytes(content if isinstance(content, bytes) else content.encode())


def safetensors(tensors, metadata=None):
    """`tensors`: name -> (dtype, shape, bytes)."""
    header = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def scores():
    archive = TESTDATA / "scores" / "synthetic.pt"
    write("score_file", "synthetic.pt", archive.read_bytes())
    with zipfile.ZipFile(archive) as entries:
        write("score_pickle", "synthetic", entries.read("synthetic/data.pkl"))


def containers():
    write("safetensors", "two_tensors", safetensors(
        {"a": ("F32", [2, 3], floats(1, 2, 3, 4, 5, 6)), "b": ("BF16", [2], b"\0\0\x80\x3f")}, {"format": "pt"}))
    write("safetensors", "scalar_and_empty", safetensors({"s": ("I64", [], struct.pack("<q", 7)), "e": ("U8", [0, 4], b"")}))
    write("safetensors", "all_dtypes", safetensors({
        dtype: (dtype, [1], bytes(size)) for dtype, size in
        [("F64", 8), ("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("I32", 4), ("I16", 2), ("I8", 1), ("U8", 1), ("BOOL", 1)]}))


def documents():
    write("json", "values", '{"a": [1, -2, 3.5e-7, true, false, null], "b": {"c": "d\\u00e9\\n"}, "e": [], "f": {}}')
    write("json", "deep", "[" * 32 + "]" * 32)
    write("json", "number", "-18446744073709551616")


def images():
    for path in sorted((TESTDATA / "images" / "decode").iterdir()):
        if path.suffix in (".jpg", ".png", ".webp") and path.stat().st_size < 2500:
            write("image", path.name, path.read_bytes())


def tensor_lines(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    return "".join(" ".join([name, entry["dtype"], *map(str, entry["shape"])]) + "\n" for name, entry in header.items())


def model_configs():
    """A folder in one file, as model_config_fuzz.cc takes it apart."""
    for folder in sorted([*(TESTDATA / "families").iterdir(), *(TESTDATA / "models").iterdir()]):
        weights = folder / "model.safetensors"
        if not weights.exists():
            continue
        preprocessor = folder / "preprocessor_config.json"
        parts = [json.dumps(json.loads((folder / "config.json").read_text())),
                 json.dumps(json.loads(preprocessor.read_text())) if preprocessor.exists() else "",
                 tensor_lines(weights)]
        write("model_config", folder.name, "\n---\n".join(parts))


def orderings():
    """Two blocks of four channels and two heads."""
    metadata = {"format": "snapvit-ordering", "version": "1", "model_fingerprint": "any", "recipe": "gradient",
                "calibration_source": "synthetic", "seed": "1", "min_mlp_keep": "0.05", "min_head_keep": "0.2",
                "path": "published"}
    scores = {"mlp_scores": ("F32", [2, 4], floats(*range(8))), "head_scores": ("F32", [2, 2], floats(*range(4)))}
    write("ordering", "scores", safetensors(scores, metadata))
    path = {"path_steps": ("I32", [3, 2], struct.pack("<6i", 0, 3, 2, 1, 1, 2))}
    means = {"mlp_means": ("F32", [2, 4], floats(*range(8))), "head_means": ("F32", [2, 2, 3], floats(*range(12)))}
    low_rank = {"correction_index": ("I32", [1, 3], struct.pack("<3i", 0, 3, 1)), "correction_in": ("BF16", [3], bytes(6)),
                "correction_out": ("BF16", [6], bytes(12))}
    curve = {name: ("F32", [2], floats(0.5, 1)) for name in ["fidelity_compute", "fidelity", "fidelity_error", "agreement", "overlap"]}
    everything = {**metadata, "path": "explicit", "embed_dim": "6", "fidelity_corrections": "full"}
    write("ordering", "everything", safetensors({**scores, **path, **means, **low_rank, **curve}, everything))
    write("ordering", "path", safetensors({**scores, **path}, {**metadata, "path": "explicit"}))


def yaml_files():
    digest = "sha256:" + "0123456789abcdef" * 4
    write("tenants", "all_settings", f"""tenants:
  search:
    keys: [{digest}, 'sha256:{"a" * 64}']
    certificates: [search.example.com, 'spiffe://example.com/search']
    default_budget: 0.7
    floor: fidelity:0.9
    ceiling: 80%
    strict: false
    priority: batch
    latency_target: 40ms
    weight: 2.5
    rate_gflops: 100
    burst_gflop: 300
    concurrency: 16
""")
    write("tenants", "anchors", f"tenants:\n  a: &a\n    keys: {digest}\n  b:\n    <<: *a\n    certificates: b\n")
    write("options", "model", """model: /models/vit
model-name: vit
order-at-start: background
order-time: 5m
corrections: full
rungs: 31
floor: fidelity:0.9
workers: 2
threads: auto
policy: elastic
listen: 127.0.0.1:50051
http: '[::1]:8080'
max-images: 64
max-message-bytes: 64MiB
max-pixels: 64000000
drain-grace: 30s
log-level: info
log-format: json
""")
    write("options", "access", "model: m\ntenants: t.yaml\ntls-cert: c.pem\ntls-key: k.pem\ntls-client-ca: ca.pem\n"
                               "tls-client-auth: request\nengine: simulated:p.json\n")


def text_forms():
    for number, text in enumerate([
            "0.5", "50%", "4.2gflops", "15ms", "fidelity:0.95", "sparsity:0.3", "mlp:.25/heads:.1", "0.8,15ms,fidelity:0.9",
            "127.0.0.1:50051", "[::1]:8080", "64MiB", "1m30s", "yes", "100:5s,100..900:30s,900", "constant@190+gamma:4@610",
            "poisson", "0.5\n1.25 # a comment\n\n7e1\n",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]):
        write("text_forms", f"{number:02}", text)


def profiles():
    cells = [{"served_compute": compute, "batch": batch, "latency_ms": {"p50": 10 * compute * batch}}
             for compute in (0.3, 1) for batch in (1, 8)]
    ladder = [{"compute": 0.3, "gflops": 1.2, "mlp": 0.8, "heads": 0.4, "sparsity": 0.7, "fidelity": 0.9},
              {"compute": 1, "gflops": 4, "mlp": 0, "heads": 0, "sparsity": 0, "fidelity": 1}]
    write("simulated_profile", "full", json.dumps({
        "model": "m", "input_size": [3, 24, 16], "embedding_size": 16, "classes": 10, "workers": 8, "jitter": 0.05,
        "last_worker_stops_after_s": 2.5, "ladder": ladder, "cells": cells}))
    write("simulated_profile", "cells", json.dumps({"cells": [
        {"served_compute": 0.5, "fidelity": 0.9, "batch": 1, "latency_ms": 4, "gflops": 2},
        {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 8}]}))


# --- Messages: protobuf's wire format, written by hand so that nothing has to be generated ---


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def chunk(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def an_image():
    return (TESTDATA / "images" / "decode" / "one_pixel.png").read_bytes()


def requests():
    tensor = number(1, 1) + chunk(2, varint(3) + varint(8) + varint(8)) + chunk(3, bytes(3 * 8 * 8 * 4))
    half = number(1, 2) + chunk(2, varint(3) + varint(8) + varint(8)) + chunk(3, bytes(3 * 8 * 8 * 2))
    pixels = number(1, 2) + number(2, 3) + chunk(3, bytes(range(18)))
    sources = {"encoded": chunk(1, an_image()), "pixels": chunk(2, pixels), "tensor": chunk(3, tensor), "fp16": chunk(3, half)}
    for name, source in sources.items():
        write("embed_request", name, chunk(2, source))
    budgets = {
        "compute": double(1, 0.5), "sparsity": double(2, 0.3), "gflops": double(3, 0.7),
        "latency": chunk(4, number(1, 1) + number(2, 5000000)), "fidelity": double(5, 0.9),
        "ratios": chunk(6, double(1, 0.25) + double(2, 0.1)), "floors": double(1, 0.9) + double(7, 0.4) + number(9, 1),
        "floor_fidelity": double(8, 0.85)}
    for name, budget in budgets.items():
        write("embed_request", f"budget_{name}", chunk(2, sources["pixels"]) + chunk(3, budget))
    write("embed_request", "options", chunk(1, "tiny") + chunk(2, sources["pixels"]) + chunk(2, sources["encoded"])
          + chunk(4, number(1, 1) + number(2, 1) + number(3, 2) + number(4, 8)) + chunk(5, "id") + chunk(6, number(1, 3)))
    write("embed_request", "classes", chunk(2, sources["pixels"]) + number(4, 3) + number(5, 1) + chunk(6, "id") + chunk(7, number(1, 2)))
    write("embed_request", "gzip", gzip.compress(chunk(2, sources["pixels"]) + chunk(5, "id"), mtime=0))
    write("embed_request", "deflate", zlib.compress(chunk(2, sources["tensor"]) + chunk(5, "id")))
    infer_requests()
    http_bodies()


def infer_requests():
    def shape(*extents):
        return chunk(3, b"".join(varint(extent) for extent in extents))

    def parameter(name, field, value):
        kind = chunk(field, value) if isinstance(value, str) else double(field, value) if isinstance(value, float) else number(field, value)
        return chunk(4, chunk(1, name) + chunk(2, kind))

    raw = struct.pack("<I", len(an_image())) + an_image()
    encoded = chunk(1, "image") + chunk(2, "BYTES")
    values = chunk(1, "pixel_values") + chunk(2, "FP32") + shape(1, 3, 8, 8)
    write("infer_request", "raw_image", chunk(1, "tiny") + chunk(5, encoded + shape(1)) + chunk(7, raw))
    write("infer_request", "two_raw_images", chunk(5, encoded + shape(2, 1)) + chunk(7, raw + raw))
    write("infer_request", "image_contents", chunk(2, "1") + chunk(3, "id") + chunk(5, encoded + shape(1) + chunk(5, chunk(8, an_image()))))
    write("infer_request", "raw_values", chunk(5, values) + chunk(7, bytes(768)))
    write("infer_request", "value_contents", chunk(5, values + chunk(5, chunk(6, bytes(768)))))
    write("infer_request", "parameters", parameter("budget", 3, "0.7") + parameter("floor", 4, 0.5) + parameter("strict", 1, 1)
          + parameter("timeout", 2, 250000) + parameter("priority", 5, 1) + chunk(5, encoded + shape(1)) + chunk(7, raw))
    classification = chunk(2, chunk(1, "classification") + chunk(2, number(2, 2)))
    write("infer_request", "outputs", chunk(5, encoded + shape(1)) + chunk(6, chunk(1, "embedding"))
          + chunk(6, chunk(1, "probabilities") + classification) + chunk(7, raw))


def http_bodies():
    uri = "data:image/png;base64," + base64.b64encode(an_image()).decode()
    for name, body in {
            "one": {"input": uri}, "two": {"model": "tiny", "input": [uri, uri], "budget": 0.5, "floor": "40%", "strict": True},
            "openai": {"input": [{"image_url": {"url": uri}}], "encoding_format": "base64", "dimensions": 4, "user": "u", "id": "i"},
            "link": {"input": {"image_url": uri}, "budget": "fidelity:0.9", "timeout": "250ms", "normalize": True, "pooling": "mean"},
            "classes": {"input": uri, "top_k": 2, "activation": "sigmoid", "timeout": 2.5},
            "remote": {"input": "https://example.com/a.jpg"}}.items():
        write("http_body", name, json.dumps(body))
    write("http_body", "deep", "[" * 40)


if __name__ == "__main__":
    scores()
    containers()
    documents()
    images()
    model_configs()
    orderings()
    yaml_files()
    text_forms()
    profiles()
    requests()
