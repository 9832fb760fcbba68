"""Adversarial losses on raw logits of a discriminator, by name."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

GAN_MODES = ("lsgan", "vanilla", "nonsaturating", "hinge", "wgangp")


def discriminator_loss(mode: str, logits: Tensor, real: bool) -> Tensor:
    r"""What the discriminator minimises on real or on fake pictures. With s = +1 for real, -1 for fake:

    ========================= ======================================= ================
    ``lsgan``                 mean (x - 1)^2 real, mean x^2 fake      Mao 2017
    ``vanilla``               mean softplus(-s x)                     Goodfellow 2014
    ``nonsaturating``         the same                                Goodfellow 2014
    ``hinge``                 mean max(0, 1 - s x)                    Lim & Ye 2017
    ``wgangp``                mean -s x                               Gulrajani 2017
    ========================= ======================================= ================

    Args:
        mode: one of ``GAN_MODES``.
        logits: any shape with the batch first.
        real: whether these are logits of real pictures.

    Returns:
        a scalar, at least float32. With zero logits: lsgan 1 real / 0 fake, vanilla and nonsaturating ln 2, hinge 1,
        wgangp 0.
    """
    logits = _full_precision(logits)
    sign = 1.0 if real else -1.0
    if mode == "lsgan":
        return (logits - float(real)).square().mean()
    if mode in ("vanilla", "nonsaturating"):
        return F.softplus(-sign * logits).mean()
    if mode == "hinge":
        return F.relu(1.0 - sign * logits).mean()
    if mode == "wgangp":
        return -sign * logits.mean()
    raise ValueError(f"the GAN loss is one of {GAN_MODES}, not {mode!r}")


def generator_loss(mode: str, logits: Tensor) -> Tensor:
    """What the generator minimises on its own pictures: that they pass for real.

    ``hinge`` and ``wgangp``: -mean x. The others: the discriminator's loss for real pictures. A scalar, at least
    float32.
    """
    if mode == "hinge":
        return -_full_precision(logits).mean()
    return discriminator_loss(mode, logits, real=True)


def undecided(mode: str) -> tuple[float, float]:
    """The losses where the discriminator cannot tell real from fake and says so: each of its two, and the generator's.

    The logit that costs least while it must be the same for both kinds of pictures is 1/2 for ``lsgan``, 0 elsewhere.
    """
    logit = torch.tensor(0.5 if mode == "lsgan" else 0.0)
    return discriminator_loss(mode, logit, real=True).item(), generator_loss(mode, logit).item()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mix: Tensor, target: float = 1.0
) -> Tensor:
    r"""WGAN-GP's penalty (Gulrajani et al. 2017, arXiv:1704.00028, eq. 3), without its weight:

    .. math:: E[(\lVert\nabla_{\hat x} \textstyle\sum D(\hat x)\rVert_2 - 1)^2], \quad \hat x = m x + (1-m) G(z)

    Args:
        discriminator: pictures -> logits.
        real, fake: (B, C, H, W).
        mix: (B,) share of the real picture, uniform in [0, 1], drawn by the caller.
        target: the gradient norm aimed at.

    Returns:
        a scalar that can be differentiated with respect to the discriminator's weights.
    """
    share = mix.view(-1, 1, 1, 1).to(real.dtype)
    between = _full_precision(share * real + (1 - share) * fake).detach().requires_grad_(True)
    gradient = _input_gradient(discriminator, between)
    return ((gradient + 1e-16).norm(2, dim=1) - target).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    r"""R1 (Mescheder et al. 2018, arXiv:1801.04406, eq. 9), without its weight:

    .. math:: \tfrac12 E[\lVert\nabla_x \textstyle\sum D(x)\rVert^2]
    """
    gradient = _input_gradient(discriminator, _full_precision(real).detach().requires_grad_(True))
    return 0.5 * gradient.square().sum(1).mean()


def _input_gradient(discriminator: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """d sum(D(x)) / dx, flattened to (B, C*H*W), itself differentiable; in float32 at least.

    In half precision it would be rounded at each layer on its way back, and again on its way forth. A compiled
    discriminator runs as it was written, since what torch compiles can be differentiated only once.
    """
    with torch.autocast(images.device.type, enabled=False), torch.compiler.set_stance("force_eager"):
        (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.flatten(1)


def _full_precision(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
