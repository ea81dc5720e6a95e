"""Writes tests/testdata/images: what tests/unit/core/image compares with.

Every input is drawn or computed here from fixed seeds; the expected pixels are Pillow's and timm's. Needs
Pillow 13.0.0, numpy, torch 2.11.0, torchvision 0.26.0 and timm 1.0.31; run by hand from the repository root:

    SNAPVIT_SHARED=DIR python tests/golden/make_image_goldens.py

  decode/NAME.{jpg,png,webp}   encoded fixtures
  decode/NAME.rgb              their pixels, row-major RGB
  decode.tsv                   file, EXIF applied (0/1), width, height, file of the pixels
  resize.tsv                   in w, in h, out w, out h, filter, seed, SHA-256 of the output over synthetic_pixels(seed)
  resize_*.rgb                 the full output of a few of them
  photographs.tsv              for some photographs of $SNAPVIT_SHARED/images (which stay outside the project): file,
                               width, height, SHA-256 of the pixels, SHA-256 of the bytes of timm's bicubic 224 at 0.9
"""

import hashlib
import io
import os
import pathlib
import random
import shutil
import struct
import zlib

import numpy as np
import PIL
import timm
from PIL import Image, ImageDraw, ImageOps
from timm.data.transforms_factory import transforms_imagenet_eval

assert PIL.__version__ == "13.0.0", PIL.__version__
assert timm.__version__ == "1.0.31", timm.__version__

OUT = pathlib.Path("tests/testdata/images")
DECODE = OUT / "decode"
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC,
           "lanczos": Image.Resampling.LANCZOS, "nearest": Image.Resampling.NEAREST,
           "box": Image.Resampling.BOX, "hamming": Image.Resampling.HAMMING}


# ---- Inputs ----

def synthetic_pixels(width: int, height: int, seed: int) -> np.ndarray:
    """Noise that tests/unit/core/image/synthetic_image.h computes too: a hash of the byte's index."""
    x = np.arange(width * height * 3, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x85EBCA77)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE3D)
    x ^= x >> np.uint32(16)
    return (x & np.uint32(255)).astype(np.uint8).reshape(height, width, 3)


def synthetic_image(width: int, height: int, seed: int) -> Image.Image:
    return Image.fromarray(synthetic_pixels(width, height, seed))


def drawing(width: int, height: int, seed: int) -> Image.Image:
    """A gradient with shapes and some noise: smooth areas, edges and texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x + y) * 5 % 256], axis=-1)
    image = Image.fromarray(base.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x0, y0 = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        draw.ellipse((x0 - width // 5, y0 - height // 5, x0 + width // 5, y0 + height // 5), fill=colour)
    noise = rng.integers(-20, 21, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image).astype(int) + noise, 0, 255).astype(np.uint8))


# ---- Decode fixtures ----

class DecodeSet:
    def __init__(self):
        self.rows = []

    def write(self, name: str, data: bytes, expected: np.ndarray | None = None, exif: bool = True,
              pixels_of: str | None = None) -> None:
        """One fixture. `expected` replaces Pillow's pixels; `pixels_of` names another fixture with equal ones."""
        (DECODE / name).write_bytes(data)
        if expected is None:
            image = Image.open(io.BytesIO(data))
            if exif:
                image = ImageOps.exif_transpose(image)
            expected = np.asarray(image.convert("RGB"))
        stem = pixels_of or name.rsplit(".", 1)[0]
        pixels = DECODE / f"{stem}.rgb"
        if pixels_of:
            assert pixels.read_bytes() == expected.tobytes(), f"{name} differs from {pixels_of}"
        else:
            assert not pixels.exists(), pixels
            pixels.write_bytes(expected.tobytes())
        self.row(name, exif, expected, stem)

    def row(self, name: str, exif: bool, expected: np.ndarray, stem: str) -> None:
        self.rows.append((name, int(exif), expected.shape[1], expected.shape[0], f"{stem}.rgb"))


def encode(image: Image.Image, file_format: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def jpeg_segment_offset(data: bytes, marker: int) -> int:
    """Offset of the FF of the first segment with this marker."""
    at = 2
    while data[at + 1] != marker:
        at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
    return at


def patch_frame(data: bytes, width: int, height: int, luma_sampling: int) -> bytes:
    """Another size and another luma sampling in the frame header. With as many MCUs of as many blocks the entropy
    data stays valid: the picture is shuffled, but a JPEG of a sampling that Pillow's encoder does not write."""
    at = jpeg_segment_offset(data, 0xC0)
    out = bytearray(data)
    out[at + 5:at + 9] = struct.pack(">HH", height, width)
    out[at + 11] = luma_sampling
    return bytes(out)


def patch_adobe_transform(data: bytes, transform: int) -> bytes:
    at = jpeg_segment_offset(data, 0xEE)
    assert data[at + 4:at + 9] == b"Adobe"
    out = bytearray(data)
    out[at + 15] = transform
    return bytes(out)


def remove_segment(data: bytes, marker: int) -> bytes:
    at = jpeg_segment_offset(data, marker)
    return data[:at] + data[at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]:]


def exif_block(orientation: int, order: str = "<") -> bytes:
    """A minimal EXIF block: another tag first, then the orientation."""
    mark = b"II" if order == "<" else b"MM"
    entries = struct.pack(order + "HHIHH", 0x0103, 3, 1, 6, 0) + struct.pack(order + "HHIHH", 0x0112, 3, 1,
                                                                            orientation, 0)
    return mark + struct.pack(order + "HIH", 42, 8, 2) + entries + struct.pack(order + "I", 0)


def write_jpegs(out: DecodeSet) -> None:
    image = drawing(45, 31, 1)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        out.write(f"rgb_{name}.jpg", encode(image, "JPEG", quality=85, subsampling=subsampling))
        out.write(f"progressive_{name}.jpg",
                  encode(image, "JPEG", quality=85, subsampling=subsampling, progressive=True))
    for quality in (20, 98):
        out.write(f"quality_{quality}.jpg", encode(drawing(64, 40, 2), "JPEG", quality=quality, subsampling=2))
    # 4:4:0 from 4:2:2 and 4:1:1 from 4:2:0: 16 and 8 MCUs as before.
    out.write("rgb_440.jpg", patch_frame(encode(drawing(64, 32, 3), "JPEG", subsampling=1), 29, 61, 0x12))
    out.write("rgb_411.jpg", patch_frame(encode(drawing(64, 32, 4), "JPEG", subsampling=2), 61, 29, 0x41))
    out.write("restart.jpg", encode(image, "JPEG", quality=85, subsampling=2, restart_marker_blocks=2))
    out.write("rgb_space.jpg", encode(image, "JPEG", quality=85, keep_rgb=True))
    grey = drawing(37, 26, 5).convert("L")
    out.write("grey.jpg", encode(grey, "JPEG", quality=85))
    out.write("grey_progressive.jpg", encode(grey, "JPEG", quality=85, progressive=True))
    for width, height in ((1, 1), (2, 3), (3, 2), (17, 1), (1, 17)):
        out.write(f"tiny_{width}x{height}.jpg", encode(drawing(width, height, 6), "JPEG", subsampling=2))

    cmyk = Image.merge("CMYK", [*drawing(37, 26, 7).split(), drawing(37, 26, 8).convert("L")])
    for name, options in (("", {}), ("_progressive", {"progressive": True})):
        adobe = encode(cmyk, "JPEG", quality=90, **options)
        out.write(f"cmyk{name}.jpg", adobe)
        out.write(f"ycck{name}.jpg", patch_adobe_transform(adobe, 2))
        out.write(f"cmyk_unmarked{name}.jpg", remove_segment(adobe, 0xEE))

    plain = encode(image, "JPEG", quality=85, subsampling=2)
    at = jpeg_segment_offset(plain, 0xC4)
    out.write("stray_bytes.jpg", plain[:at] + b"\x00\x12\x34" + plain[at:], pixels_of="rgb_420")
    # Pillow refuses some files without the end marker, depending on where the last bits lie; no pixel is missing.
    out.write("no_end_marker.jpg", plain[:-2], np.asarray(Image.open(io.BytesIO(plain))), pixels_of="rgb_420")
    out.write("trailing_bytes.jpg", plain + b"trailing", pixels_of="rgb_420")

    stored = drawing(21, 14, 9)
    for orientation in range(1, 9):
        data = encode(stored, "JPEG", quality=85, exif=b"Exif\0\0" + exif_block(orientation))
        out.write(f"orientation_{orientation}.jpg", data)
        out.row(f"orientation_{orientation}.jpg", False, np.asarray(Image.open(io.BytesIO(data))), "orientation_1")
    out.write("orientation_6_big_endian.jpg",
              encode(stored, "JPEG", quality=85, exif=b"Exif\0\0" + exif_block(6, ">")), pixels_of="orientation_6")
    out.write("orientation_9_invalid.jpg",
              encode(stored, "JPEG", quality=85, exif=b"Exif\0\0" + exif_block(9)), pixels_of="orientation_1")


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def pack_row(samples: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return samples.astype(">u2").tobytes()
    if depth == 8:
        return samples.astype(np.uint8).tobytes()
    bits = "".join(format(int(s), f"0{depth}b") for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def filter_rows(rows: list[bytes], pixel_bytes: int) -> bytes:
    """Scanlines with PNG's five filters in turn."""
    out, previous = b"", bytes(len(rows[0])) if rows else b""
    for y, row in enumerate(rows):
        kind = y % 5
        line = bytearray()
        for i, value in enumerate(row):
            a = row[i - pixel_bytes] if i >= pixel_bytes else 0
            b = previous[i]
            c = previous[i - pixel_bytes] if i >= pixel_bytes else 0
            paeth = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line.append((value - (0, a, b, (a + b) // 2, paeth)[kind]) & 255)
        out += bytes([kind]) + bytes(line)
        previous = row
    return out


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples: np.ndarray, colour_type: int, depth: int, interlaced: bool = False, before: bytes = b"",
        after: bytes = b"", pieces: int = 1, end: bool = True) -> bytes:
    """A PNG of samples [height, width, channels]; chunks `before` and `after` the pixel data."""
    height, width, channels = samples.shape
    pixel_bytes = max(1, channels * depth // 8)
    raw = b""
    for x0, y0, dx, dy in (ADAM7 if interlaced else ((0, 0, 1, 1),)):
        part = samples[y0::dy, x0::dx]
        if part.size:
            raw += filter_rows([pack_row(row.reshape(-1), depth) for row in part], pixel_bytes)
    data = zlib.compress(raw, 9)
    step = -(-len(data) // pieces)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before +
            b"".join(chunk(b"IDAT", data[i:i + step]) for i in range(0, len(data), step)) + after +
            (chunk(b"IEND", b"") if end else b""))


def write_pngs(out: DecodeSet) -> None:
    rng = np.random.default_rng(20)
    width, height = 23, 17
    palette = rng.integers(0, 256, (256, 3), dtype=np.uint8)

    def samples(channels: int, depth: int) -> np.ndarray:
        return rng.integers(0, 1 << depth, (height, width, channels))

    def plte(depth: int) -> bytes:
        return chunk(b"PLTE", palette[:1 << depth].tobytes())

    for colour_type, name, channels, depths in ((0, "grey", 1, (1, 2, 4, 8, 16)), (2, "rgb", 3, (8, 16)),
                                                (3, "palette", 1, (1, 2, 4, 8)), (4, "grey_alpha", 2, (8, 16)),
                                                (6, "rgba", 4, (8, 16))):
        for depth in depths:
            values = samples(channels, depth)
            expected = None
            if colour_type == 0 and depth == 16:
                # Pillow clips 16-bit grey at 255. The high byte is what it takes of every other 16-bit image.
                expected = np.repeat((values >> 8).astype(np.uint8), 3, axis=2)
            before = plte(depth) if colour_type == 3 else b""
            stem = f"{name}_{depth}"
            out.write(f"{stem}.png", png(values, colour_type, depth, before=before), expected)
            out.write(f"{stem}_interlaced.png", png(values, colour_type, depth, True, before=before), expected,
                      pixels_of=stem)

    grey, rgb, indices = samples(1, 8), samples(3, 8), samples(1, 4)
    out.write("grey_8_trns.png", png(grey, 0, 8, before=chunk(b"tRNS", struct.pack(">H", int(grey[0, 0, 0])))))
    out.write("rgb_8_trns.png", png(rgb, 2, 8, before=chunk(b"tRNS", struct.pack(">3H", *map(int, rgb[0, 0])))))
    out.write("palette_4_trns.png", png(indices, 3, 4, before=plte(4) + chunk(b"tRNS", bytes(range(0, 160, 10)))))
    out.write("palette_short.png", png(indices, 3, 4, before=chunk(b"PLTE", palette[:5].tobytes())))
    out.write("gamma.png", png(rgb, 2, 8, before=chunk(b"gAMA", struct.pack(">I", 100000))), pixels_of="rgb_8_trns")
    out.write("pieces.png", png(rgb, 2, 8, pieces=7), pixels_of="rgb_8_trns")
    out.write("no_end_chunk.png", png(rgb, 2, 8, end=False), pixels_of="rgb_8_trns")
    out.write("one_pixel.png", png(rgb[:1, :1], 2, 8, True))
    out.write("exif_before.png", png(rgb, 2, 8, before=chunk(b"eXIf", exif_block(6, ">"))))
    out.write("exif_after.png", png(rgb, 2, 8, after=chunk(b"eXIf", exif_block(6))), pixels_of="exif_before")
    out.row("exif_after.png", False, rgb, "rgb_8_trns")


def riff(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<I", len(payload)) + payload + b"\0" * (len(payload) % 2)


def write_webps(out: DecodeSet) -> None:
    image = drawing(45, 31, 30)
    alpha = image.copy()
    alpha.putalpha(drawing(45, 31, 31).convert("L"))
    lossy = encode(image, "WEBP", quality=80)
    out.write("lossy.webp", lossy)
    out.write("lossy_low.webp", encode(image, "WEBP", quality=10))
    out.write("lossless.webp", encode(image, "WEBP", lossless=True))
    out.write("lossy_alpha.webp", encode(alpha, "WEBP", quality=80))
    out.write("lossless_alpha.webp", encode(alpha, "WEBP", lossless=True, exact=True))
    out.write("one_pixel_lossy.webp", encode(drawing(1, 1, 32), "WEBP", quality=80))
    exif = encode(image, "WEBP", quality=80, exif=b"Exif\0\0" + exif_block(8))
    out.write("exif.webp", exif)
    out.row("exif.webp", False, np.asarray(Image.open(io.BytesIO(exif)).convert("RGB")), "lossy")
    frames = [drawing(45, 31, seed) for seed in (33, 34, 35)]
    out.write("animated.webp", encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=70))
    out.write("animated_lossless_alpha.webp",
              encode(alpha, "WEBP", save_all=True, append_images=frames[1:], lossless=True, exact=True))
    # A first frame that covers a part of its canvas.
    def u24(value: int) -> bytes:
        return struct.pack("<I", value)[:3]
    canvas = u24(59) + u24(43)
    frame = u24(4 // 2) + u24(6 // 2) + u24(44) + u24(30) + u24(100) + b"\0" + lossy[12:]
    body = b"WEBP" + riff(b"VP8X", b"\x02\0\0\0" + canvas) + riff(b"ANIM", bytes(6)) + riff(b"ANMF", frame)
    out.write("animated_offset.webp", riff(b"RIFF", body))


def write_decode() -> None:
    out = DecodeSet()
    write_jpegs(out)
    write_pngs(out)
    write_webps(out)
    (OUT / "decode.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in out.rows))


# ---- Resize cases ----

def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def resize_cases() -> list[tuple[int, int, int, int, str]]:
    rng = random.Random(40)
    sizes = [(500, 375, 298, 224), (375, 500, 224, 298), (64, 64, 224, 224), (224, 224, 224, 224),
             (300, 200, 300, 100), (300, 200, 100, 200), (1, 1, 7, 5), (7, 5, 1, 1), (1, 300, 3, 20), (300, 1, 20, 3),
             (640, 480, 8, 6), (33, 17, 32, 18), (32, 32, 518, 37)]
    # On either side of the rule for the order of the passes: (in h - out h) against 2 (in w - out w).
    sizes += [(100, 120, 90, 120 - d) for d in (19, 20, 21)] + [(100, 50, 100 + d, 49) for d in (-1, 0, 1)]
    sizes += [(40, 90, 60, 80), (90, 40, 80, 60), (16, 3000, 12, 100), (3000, 16, 100, 12)]
    while len(sizes) < 400:
        limit = rng.choice((12, 60, 200, 400))
        sizes.append(tuple(rng.randint(1, limit) for _ in range(4)))
    names = list(FILTERS)
    return [(*size, names[i % len(names)] if i >= 13 else "bicubic") for i, size in enumerate(sizes)]


def write_resize() -> None:
    rows = []
    for seed, (in_w, in_h, out_w, out_h, name) in enumerate(resize_cases()):
        pixels = np.asarray(synthetic_image(in_w, in_h, seed).resize((out_w, out_h), FILTERS[name])).tobytes()
        rows.append((in_w, in_h, out_w, out_h, name, seed, sha256(pixels)))
    (OUT / "resize.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    for name, kind in FILTERS.items():
        pixels = np.asarray(synthetic_image(61, 47, 7).resize((40, 53), kind)).tobytes()
        (OUT / f"resize_61x47_to_40x53_{name}.rgb").write_bytes(pixels)


def write_photographs(images: pathlib.Path) -> None:
    transform = transforms_imagenet_eval(img_size=(224, 224), crop_pct=0.9, crop_mode="center",
                                         interpolation="bicubic", normalize=False)
    files = sorted((images / "imagenet-sample").iterdir()) + sorted((images / "cifar10" / "test").glob("*/*"))[::100]
    rows = []
    for file in files:
        image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        pixels = transform(image).permute(1, 2, 0).contiguous().numpy()
        rows.append((file.relative_to(images), *image.size, sha256(image.tobytes()), sha256(pixels.tobytes())))
    (OUT / "photographs.tsv").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def main() -> None:
    images = pathlib.Path(os.environ["SNAPVIT_SHARED"]) / "images"
    shutil.rmtree(OUT, ignore_errors=True)
    DECODE.mkdir(parents=True)
    write_decode()
    write_resize()
    write_photographs(images)
    files = [f for f in OUT.rglob("*") if f.is_file()]
    print(f"{len(files)} files, {sum(f.stat().st_size for f in files)} bytes")


if __name__ == "__main__":
    main()
