import io
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image

from snapvit_client import SnapvitError
from snapvit_client._images import image_to_proto

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def jpeg_of_six_orientation() -> bytes:
    """16 × 8, to be turned by a quarter."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (16, 8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_paths_and_bytes_are_sent_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"content")
    for image in (file, str(file), b"content", bytearray(b"content"), memoryview(b"content")):
        assert image_to_proto(image).encoded == b"content"


def test_uint8_arrays_are_pixels() -> None:
    pixels = image_to_proto(PIXELS).pixels
    assert (pixels.height, pixels.width, pixels.rgb) == (2, 3, PIXELS.tobytes())
    mirrored = PIXELS[:, ::-1]  # not contiguous
    assert image_to_proto(mirrored).pixels.rgb == np.ascontiguousarray(mirrored).tobytes()


def test_float_arrays_are_tensors_in_little_endian() -> None:
    values = np.arange(3 * 2 * 2, dtype=np.float32).reshape(3, 2, 2)
    for array in (values, values.astype(">f4")):
        tensor = image_to_proto(array).tensor
        assert (tensor.dtype, list(tensor.shape)) == (1, [3, 2, 2])
        assert tensor.data == values.astype("<f4").tobytes()
    assert image_to_proto(values.astype(np.float16)).tensor.dtype == 2


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "1"])
def test_pillow_images_of_any_mode_become_rgb(mode: str) -> None:
    image = Image.fromarray(PIXELS).convert(mode)
    assert image_to_proto(image).pixels.rgb == image.convert("RGB").tobytes()


def test_orientation_of_pillow_images_is_applied() -> None:
    image = Image.open(io.BytesIO(jpeg_of_six_orientation()))
    pixels = image_to_proto(image).pixels
    assert (pixels.width, pixels.height) == (8, 16)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 2), np.uint8),
        np.zeros((3, 2, 2), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 2, 3), np.float32),
        np.zeros((3, 2, 2), np.float64),
        np.zeros((1, 3, 2, 2), np.float32),
    ],
)
def test_other_arrays_are_refused_with_what_was_expected(array: np.ndarray) -> None:
    with pytest.raises(SnapvitError, match=r"array of .* expected uint8 \[H, W, 3\]"):
        image_to_proto(array)


def test_missing_files_are_named() -> None:
    with pytest.raises(SnapvitError, match="/no/such/file cannot be read: No such file"):
        image_to_proto("/no/such/file")


@pytest.mark.parametrize("path", ["a\0b.jpg", Path("a\0b.jpg"), "a\ud800b.jpg"])
def test_paths_that_no_file_can_have_are_named_too(path: str | Path) -> None:
    with pytest.raises(SnapvitError, match=r"image 'a\\(x00|ud800)b.jpg' cannot be read: ") as caught:
        image_to_proto(path)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_a_pil_image_that_is_cut_off_is_a_faulty_image() -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(file, "png")
    image = Image.open(io.BytesIO(file.getvalue()[:1000]))
    with pytest.raises(SnapvitError, match="a PIL image cannot be decoded: ") as caught:
        image_to_proto(image)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


def test_what_is_no_image_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="image is a int, expected a path, bytes"):
        image_to_proto(5)  # type: ignore[arg-type]
