"""A trained generator as a tool: load it, call it on a picture."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from translate.called import title
from translate.data.deep import read_values
from translate.data.deep_picture import DeepPicture
from translate.data.deep_picture import Picture as AnyPicture
from translate.data.mask_files import make_mask
from translate.data.reading import read_picture
from translate.data.tensors import to_image, to_signed, to_tensor, to_uint8
from translate.data.value_range import ValueRange
from translate.errors import InputError
from translate.flags import build, convert
from translate.given import mapped, refuse_deep, refuse_type, scaled_floats, turned_upright, values_of
from translate.inference import numbers_of, translate_image, translate_pictures, translate_signed, views_and_numbers_of
from translate.methods import METHODS, Method
from translate.networks import build_generator
from translate.networks.casting import CastWeights
from translate.networks.weights import describe_generator, fit_weights, load_weights
from translate.options import TestOptions
from translate.recorded_ranges import recorded_ranges
from translate.sizing import TestSize
from translate.tiling import TiledGenerator
from translate.training.precision import HALF, choose_precision
from translate.training.run_folder import RunFolder

AnyPath: TypeAlias = str | os.PathLike[str]
Pictures: TypeAlias = list[Any] | tuple[Any, ...]
Picture = TypeVar("Picture", Image.Image, np.ndarray, Tensor)


class Translator:
    """Translates pictures of domain A into domain B.

    ::

        translator = Translator.load("checkpoints/horse2zebra")
        translator("horse.jpg").save("zebra.png")

    Called on one picture or a list of them; what comes back is of the same kind:

    ================================ ===============================================
    a path                           PIL image
    PIL image                        PIL image
    array (H, W, C) or (H, W)        array; uint8 in 0-255, floating in 0-1
    tensor (C, H, W) or (B, C, H, W) tensor; uint8 in 0-255, floating in 0-1
    list                             list
    ================================ ===============================================

    Files and PIL images are turned as their EXIF orientation says; what comes back has none.

    Where the run was trained with a range of values (``--range_A``, ``--range_B``; ``source`` and ``target`` here),
    numbers are the domain's own, whatever their type:

    ========================== ======================= ====================================================
    ``source`` is given        ``target`` is given     what comes back
    ========================== ======================= ====================================================
    values of A, of any depth  no, B has 8 bits        as above; uint8 for arrays and tensors
    values of A, of any depth  yes                     values of B in B's type: a tensor for tensors, an
                                                       array (H, W) or (H, W, 3) for all else
    no: as above               yes                     the same
    ========================== ======================= ====================================================

    Values outside the range of A are cut to it, with a warning. Without ranges, what is deeper than 8 bits is refused.

    Args:
        generator: maps (B, C, H, W) in [-1, 1] to (B, C', H, W) in [-1, 1], for H and W that are multiples of its
            ``stride`` (see ``translate.methods.base.Method.translator``).
        size: how pictures are scaled before translation.
        input_nc: channels that the generator reads; pictures are converted (grey to colour and back).
        device: where it runs.
        precision: a word of ``--precision``.
        record: what is known of the run that trained it.
        tile, tile_stats: as for ``load``.
        source, target: ranges of the values of the pictures and of the results; None for 8 bits.
    """

    def __init__(
        self,
        generator: nn.Module,
        size: TestSize,
        input_nc: int,
        device: torch.device | str = "cpu",
        record: dict[str, Any] | None = None,
        precision: str = "auto",
        tile: int | None = None,
        tile_stats: str = "exact",
        source: ValueRange | None = None,
        target: ValueRange | None = None,
    ):
        self.device = torch.device(device)
        self.source, self.target = source, target
        deep = bool(source or target or numbers_of(generator))
        self.precision = choose_precision(convert(TestOptions, "precision", precision), self.device, deep, generator)
        generator = generator if tile is None else TiledGenerator(generator, tile, tile_stats)
        generator = generator.to(self.device, memory_format=torch.channels_last)
        self.generator = generator.eval().requires_grad_(False)
        half = HALF.get(self.precision.name)
        self._casts = CastWeights(generator, half, keep=True) if half else None
        self.size = size
        self.input_nc = input_nc
        self.record = record or {}

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        epoch: str | int = "latest",
        size: str | TestSize | None = None,
        device: torch.device | str | None = None,
        direction: str | None = None,
        options: Mapping[str, Any] | None = None,
        precision: str = "auto",
        tile: int | None = None,
        tile_stats: str = "exact",
    ) -> "Translator":
        """A translator from a run folder, a generator file in one, or a bare ``.pth`` of the reference.

        Args:
            path: folder or file. A bare file's architecture is told from its keys.
            epoch: which weights of a run folder.
            size: ``crop`` (shorter side to the training crop size, 256 if that is unknown), ``original`` or
                ``WIDTHxHEIGHT``; default: the method's, which is ``crop`` for translation between domains.
            device: default: a GPU if there is one.
            direction: ``AtoB`` or ``BtoA``, for a run that learned both; default: the one it was trained in.
            options: flags of the method that need not be as in training, such as ``annealed_T``.
            precision: ``fp32``, ``bf16``, ``fp16``, ``tf32``, or ``auto``: bf16 where the hardware is fast in it.
            tile: pictures with a longer side (pixels) are translated in tiles of this size, in less memory. For resnet
                and stylegan2 generators.
            tile_stats: where tiles take the statistics of instance norms from: ``exact``, all of the picture, or
                ``lowres``, the picture scaled down to a tile (see ``translate.tiling``).

        Raises:
            InputError: nothing there, damaged, of another kind, or holding code; tiles for another generator; or a word
                that there is not.
        """
        path, direction = Path(path), convert(TestOptions, "direction", direction)
        folder, file = (RunFolder(path), None) if path.is_dir() else (RunFolder(path.parent), path)
        record = folder.read_record()
        file = file or generator_file(folder, epoch, record, direction)
        if not file.exists():
            raise InputError(f"no weights at {file}; {_weights_in(file.parent)}")
        weights = load_weights(file)
        flags = describe_generator(weights, file)
        generator = build_generator(**flags)
        fitted, _ = fit_weights(weights, generator, file)
        generator.load_state_dict(fitted)
        method = METHODS[record["model"]] if "model" in record else _method_of(flags["netG"])
        told = {**record.get("options", {}), **(options or {})}
        translator = method.translator(generator, build(method.Options, told))
        if not isinstance(size, TestSize):
            size = TestSize(size or method.test_size, record.get("pixel_scale", {}).get("crop_size", 256))
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        input_nc = getattr(translator, "input_nc", flags["input_nc"])
        ranges = recorded_ranges(record, turned=is_turned(file, method.generators))
        return cls(translator, size, input_nc, device, record, precision, tile, tile_stats, *ranges)

    def with_size(self, size: TestSize) -> "Translator":
        """The same translator for another size."""
        ranges = {"source": self.source, "target": self.target}
        return Translator(self.generator, size, self.input_nc, self.device, self.record, self.precision.name, **ranges)

    @overload
    def __call__(self, pictures: AnyPath, size: str | None = None, mask: Any = None) -> Image.Image | np.ndarray: ...
    @overload
    def __call__(self, pictures: Picture, size: str | None = None, mask: Any = None) -> Picture: ...
    @overload
    def __call__(self, pictures: Pictures, size: str | None = None, mask: Any = None) -> list[Any]: ...
    def __call__(self, pictures: Any, size: str | None = None, mask: Any = None) -> Any:
        """Translate one picture or a list of them; see the table above.

        Args:
            pictures: what to translate.
            size: another size than the translator's: ``crop``, ``original`` or ``WIDTHxHEIGHT``.
            mask: for a context encoder, the hole to be filled: a word of ``--mask``, the path of a mask file, a PIL
                image or a boolean array (H, W) that is true in the hole; default: the centre.

        Raises:
            InputError: a file that cannot be read, or something that is no picture in the ranges above.
        """
        policy = replace(self.size, policy=size, preprocess=None) if size else self.size
        return self._call(pictures, policy, mask)

    def _call(self, pictures: Any, size: TestSize, mask: Any) -> Any:
        if isinstance(pictures, list | tuple):
            return [self._call(picture, size, mask) for picture in pictures]
        if isinstance(pictures, str | os.PathLike):
            return self.translate_image(self._read(Path(pictures)), size, mask)
        if isinstance(pictures, Image.Image):
            return self.translate_image(turned_upright(pictures), size, mask)
        if isinstance(pictures, np.ndarray):
            return self._array(pictures, size, mask)
        if isinstance(pictures, Tensor):
            return self._tensor(pictures, size, mask)
        raise InputError(f"cannot translate a {type(pictures).__name__}: give a path, PIL image, array, tensor or list")

    def _read(self, path: Path) -> AnyPicture:
        if self.source is None:
            return read_picture(path, self.input_nc)
        return mapped(read_values(path), self.source, self.input_nc)

    def prepare(self, image: AnyPicture, size: TestSize | None = None) -> AnyPicture:
        """The picture as the generator gets to see it: its channels, which a deep one has already, and its size."""
        if self.source is not None and isinstance(image, Image.Image):
            image = mapped(values_of(image), self.source, self.input_nc)
        if isinstance(image, DeepPicture):
            return (size or self.size).apply(image)
        refuse_deep(image)
        mode = "L" if self.input_nc == 1 else "RGB"
        return (size or self.size).apply(image if image.mode == mode else image.convert(mode))

    def translate_image(
        self, image: AnyPicture, size: TestSize | None = None, mask: Any = None
    ) -> Image.Image | np.ndarray:
        """A picture to a PIL image: L for one channel, RGB for three; to values (H, W) or (H, W, 3) where B has a
        range."""
        prepared = self.prepare(image, size)
        inputs = self._inputs(mask, *prepared.size)
        with self._computing():
            if self.target is None:
                return translate_image(self.generator, prepared, self.generator.stride, self.device, **inputs)
            signed = to_signed(to_tensor(prepared)).to(self.device)
            result = translate_signed(self.generator, signed, self.generator.stride, **inputs)
        return self._shown(result).values(self.target)

    def depth(self, picture: Any) -> np.ndarray:
        """Depth (H, W), float32 and in an unknown unit, of a picture (a path or a PIL image), at the translator's size.

        Raises:
            InputError: the run has not learned depth, sees more than the picture, or this is none.
        """
        if "depth_B" not in numbers_of(self.generator):
            raise InputError("this translator knows nothing of depth: load a run of --model depth")
        if not isinstance(picture, str | os.PathLike | Image.Image):
            raise InputError(f"cannot read the depth of a {type(picture).__name__}: give a path or a PIL image")
        image = turned_upright(picture) if isinstance(picture, Image.Image) else self._read(Path(picture))
        return self.views(self.prepare(image))["depth_B"]

    def views(self, prepared: AnyPicture, mask: Any = None) -> dict[str, AnyPicture | np.ndarray]:
        """What a results page shows of a picture that ``prepare`` returned, by label and in order: ``fake_B``, which
        is its translation, and what else the method has to show; and arrays (H, W) of numbers that are no picture."""
        signed = to_signed(to_tensor(prepared)).to(self.device)
        inputs = self._inputs(mask, *prepared.size)
        with self._computing():
            views = views_and_numbers_of(self.generator, signed, **inputs)
        numbers = numbers_of(self.generator)
        return {
            label: view[0].float().cpu().numpy() if label in numbers else self._shown(view)
            for label, view in views.items()
        }

    def batch_views(self, prepared: Sequence[AnyPicture]) -> list[dict[str, AnyPicture]]:
        """The same for pictures of one size, translated at once, for a method that shows nothing else. Samples do not
        depend on each other; the results differ from those of ``views`` by rounding at most."""
        with self._computing():
            results = translate_pictures(self.generator, prepared, self.generator.stride, self.device)
        results = (to_uint8(results) if self.target is None else results).cpu()
        return [{"fake_B": self._shown(result)} for result in results]

    def translate_together(self, prepared: Sequence[AnyPicture]) -> list[Image.Image | np.ndarray]:
        """What ``translate_image`` gives for each of several pictures of one size that ``prepare`` returned, translated
        at once; see ``batch_views``."""
        results = [views["fake_B"] for views in self.batch_views(prepared)]
        return results if self.target is None else [result.values(self.target) for result in results]

    def _shown(self, result: Tensor) -> AnyPicture:
        """What the generator made, (C, H, W), as a picture of its domain: 8 bits, or deep."""
        if self.target is not None:
            return DeepPicture(result.float().clamp(-1, 1).permute(1, 2, 0).cpu().numpy())
        return to_image(result if result.dtype == torch.uint8 else to_uint8(result))

    @contextmanager
    def _computing(self) -> Iterator[None]:
        self.precision.set_up()
        cast = self._casts.in_place() if self._casts else nullcontext()
        with torch.inference_mode(), self.precision.autocast(), cast:  # in this order: nothing cast needs a gradient
            yield

    def _inputs(self, mask: Any, width: int, height: int) -> dict[str, Tensor]:
        """What the generator gets besides the picture."""
        if mask is None:
            return {}
        if not getattr(self.generator, "takes_mask", False):
            raise InputError("this translator fills no holes: leave the mask out, or load a context encoder")
        hole = make_mask(mask, width, height, hole_share=self.generator.hole_share)
        return {"masks": torch.from_numpy(hole).unsqueeze(0).to(self.device)}

    def _array(self, array: np.ndarray, size: TestSize, mask: Any) -> np.ndarray:
        if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)) or not array.size:
            raise InputError(f"an array of shape {array.shape} is not a picture: (H, W), (H, W, 1) or (H, W, 3)")
        if self.source is None and array.dtype.newbyteorder("=") not in (np.uint8, np.float16, np.float32, np.float64):
            refuse_type(array.dtype)
        planes = array if array.ndim == 3 else array[:, :, None]
        native = np.array(planes, dtype=array.dtype.newbyteorder("="), order="C")  # torch shares it, so it is a copy
        result = self._planes(torch.from_numpy(native).permute(2, 0, 1), size, mask)
        result = np.ascontiguousarray(result.permute(1, 2, 0).numpy())
        return result[:, :, 0] if array.ndim == 2 and result.shape[2] == 1 else result

    def _tensor(self, tensor: Tensor, size: TestSize, mask: Any) -> Tensor:
        if tensor.ndim not in (3, 4) or tensor.shape[-3] not in (1, 3) or not tensor.numel():
            shape = tuple(tensor.shape)
            raise InputError(f"a tensor of shape {shape} is not a picture: (C, H, W) or (B, C, H, W) with C 1 or 3")
        if tensor.ndim == 4:
            return torch.stack([self._tensor(picture, size, mask) for picture in tensor])
        return self._planes(tensor.detach().cpu(), size, mask).to(tensor.device)

    def _planes(self, picture: Tensor, size: TestSize, mask: Any) -> Tensor:
        """(C, H, W) of the kind that A's pictures have, to the kind that B's have."""
        signed = self._signed(picture, size)
        inputs = self._inputs(mask, signed.shape[2], signed.shape[1])
        with self._computing():
            result = translate_signed(self.generator, signed.to(self.device), self.generator.stride, **inputs)
        if self.target is not None:
            return torch.from_numpy(self.target.from_signed(result.float().cpu().numpy()))
        if self.source is not None or picture.dtype == torch.uint8:
            return to_uint8(result).cpu()
        return ((result.clamp(-1, 1) + 1) / 2).to("cpu", picture.dtype)

    def _signed(self, picture: Tensor, size: TestSize) -> Tensor:
        """(C, H, W) in the numbers of A to [-1, 1], at the size and in the channels that the generator reads."""
        if self.source is not None:
            values = picture.permute(1, 2, 0).numpy()
            return to_tensor(self.prepare(mapped(values, self.source, self.input_nc), size))
        if picture.dtype == torch.uint8:
            return to_signed(to_tensor(self.prepare(to_image(picture), size)))
        if not picture.is_floating_point():
            refuse_type(picture.dtype)
        return scaled_floats(picture, self.input_nc, size) * 2 - 1


def generators_of(folder: RunFolder, epoch: str | int, record: Mapping[str, Any]) -> Mapping[str, str]:
    """Which network of a run translates in which direction.

    Raises:
        InputError: it learned an encoder, which translates nothing.
    """
    if "model" in record:
        refuse_encoder(record, folder.path)
        return METHODS[record["model"]].generators
    both = METHODS["cycle_gan"].generators
    return both if folder.network_path(epoch, both["AtoB"]).exists() else Method.generators


def refuse_encoder(record: Mapping[str, Any], where: Path) -> None:
    """Refuse a run that has nothing to translate with.

    Raises:
        InputError: it learned an encoder.
    """
    if "model" in record and not METHODS[record["model"]].generators:
        raise InputError(
            f"{where} learned an encoder (--model {record['model']}), which translates nothing; measure its features "
            f"with {title('transfer')}"
        )


def generator_file(folder: RunFolder, epoch: str | int, record: Mapping[str, Any], direction: str | None) -> Path:
    """Where the generator of a direction lies."""
    generators = generators_of(folder, epoch, record)
    turned = direction is not None and direction != record.get("options", {}).get("direction", "AtoB")
    return folder.network_path(epoch, generators.get("BtoA" if turned else "AtoB", generators["AtoB"]))


def is_turned(file: Path, generators: Mapping[str, str]) -> bool:
    """Whether a file holds the generator from B to A."""
    return file.stem.rpartition("_net_")[2] == generators.get("BtoA")


def _method_of(netG: str) -> type[Method]:
    """The method whose translator a bare generator file is, by the kind of its network."""
    translating = (METHODS[name] for name in METHODS.names() if METHODS[name].generators)
    return next(method for method in translating if netG in method.netG)


def _weights_in(folder: Path) -> str:
    """The epochs of which there are generators, of CycleGAN's two at least one."""
    names = sorted({path.name.rpartition("_net_G")[0] for path in folder.glob("*_net_G*.pth")})
    return f"its folder has weights for {', '.join(names)}" if names else "its folder holds no generator weights"
