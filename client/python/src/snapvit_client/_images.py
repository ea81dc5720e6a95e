"""Images as users have them, turned into the proto's Image."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from snapvit_client._errors import invalid
from snapvit_client._generated.snapvit.v1 import types_pb2

if TYPE_CHECKING:
    from PIL import Image as PillowImage

# str, PathLike     a JPEG, PNG or WebP file
# bytes             the content of one
# PIL image         any mode; EXIF orientation is applied, as for files
# uint8 [H, W, 3]   RGB pixels, which the server resizes and normalises
# float [3, H, W]   what goes into the model: resized and normalised already, of the model's input size
ImageLike: TypeAlias = Union[
    str, "os.PathLike[str]", bytes, bytearray, memoryview, "npt.NDArray[Any]", "PillowImage.Image"
]

_FLOATS = {"float32": types_pb2.DTYPE_FP32, "float16": types_pb2.DTYPE_FP16}


def image_to_proto(image: ImageLike) -> types_pb2.Image:
    """Reads files. SnapvitError (INVALID_ARGUMENT) for a faulty image, TypeError for what is none."""
    if isinstance(image, (str, os.PathLike)):
        return _from_file(Path(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return types_pb2.Image(encoded=bytes(image))
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if _is_pillow_image(image):
        return _from_pillow(image)
    raise TypeError(
        f"image is a {type(image).__name__}, expected a path, bytes, a PIL image or a numpy array"
    )


def payload_bytes(image: types_pb2.Image) -> int:
    return max(len(image.encoded), len(image.pixels.rgb), len(image.tensor.data))


def _from_file(path: Path) -> types_pb2.Image:
    try:
        return types_pb2.Image(encoded=path.read_bytes())
    except OSError as error:
        raise invalid(f"image {path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # no file can have this name: a NUL, half a surrogate pair
        raise invalid(f"image {str(path)!r} cannot be read: {error}") from error


def _is_pillow_image(image: object) -> bool:
    pillow = sys.modules.get("PIL.Image")  # who has one has imported it
    return pillow is not None and isinstance(image, pillow.Image)


def _from_pillow(image: PillowImage.Image) -> types_pb2.Image:
    from PIL import ImageOps

    try:
        rgb = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:  # Pillow decodes late: a file that is cut off, say
        raise invalid(f"a PIL image cannot be decoded: {error}") from error
    return _from_array(np.asarray(rgb))


def _from_array(array: npt.NDArray[Any]) -> types_pb2.Image:
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size > 0:
        height, width = array.shape[:2]
        return types_pb2.Image(pixels=types_pb2.Pixels(height=height, width=width, rgb=array.tobytes()))
    dtype = _FLOATS.get(array.dtype.name)
    if dtype is not None and array.ndim == 3 and array.shape[0] == 3 and array.size > 0:
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        return types_pb2.Image(tensor=types_pb2.Tensor(dtype=dtype, shape=array.shape, data=data))
    raise invalid(
        f"image is an array of {array.dtype.name} {list(array.shape)}, expected uint8 [H, W, 3] (RGB pixels), or "
        "float32 or float16 [3, H, W] (resized and normalised)"
    )
