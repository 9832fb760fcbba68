"""Methods by the name of ``--model``."""

from translate.methods.base import Batch, Method
from translate.methods.clip import CLIP
from translate.methods.colorization import Colorization
from translate.methods.context_encoder import ContextEncoder
from translate.methods.cut import CUT
from translate.methods.cycle_gan import CycleGAN
from translate.methods.depth import Depth
from translate.methods.jigsaw import Jigsaw
from translate.methods.moco import MoCo
from translate.methods.pix2pix import Pix2Pix
from translate.methods.relative_position import RelativePosition
from translate.methods.rotation import Rotation
from translate.methods.simclr import SimCLR
from translate.methods.sincut import SinCUT
from translate.methods.split_brain import SplitBrain
from translate.registry import Registry

METHODS: Registry[type[Method]] = Registry("method (--model)")
METHODS.register("cut")(CUT)
METHODS.register("cycle_gan")(CycleGAN)
METHODS.register("clip")(CLIP)
METHODS.register("context_encoder")(ContextEncoder)
METHODS.register("colorization")(Colorization)
METHODS.register("depth")(Depth)
METHODS.register("jigsaw")(Jigsaw)
METHODS.register("moco")(MoCo)
METHODS.register("pix2pix")(Pix2Pix)
METHODS.register("relative_position")(RelativePosition)
METHODS.register("rotation")(Rotation)
METHODS.register("simclr")(SimCLR)
METHODS.register("sincut")(SinCUT)
METHODS.register("split_brain")(SplitBrain)

__all__ = ["METHODS", "Batch", "Method"]
__all__ += ["CLIP", "CUT", "Colorization", "ContextEncoder", "CycleGAN", "Depth", "Jigsaw", "MoCo", "Pix2Pix"]
__all__ += ["RelativePosition", "Rotation", "SimCLR", "SinCUT", "SplitBrain"]
