"""Methods by the name of ``--model``."""

from translate.methods.base import Batch, Method
from translate.methods.cut import CUT
from translate.registry import Registry

METHODS: Registry[type[Method]] = Registry("method (--model)")
METHODS.register("cut")(CUT)

__all__ = ["CUT", "METHODS", "Batch", "Method"]
