import pytest
import torch

from translate.networks.hourglass import Hourglass, describe_hourglass


@pytest.mark.parametrize(("channels", "parameters"), [(3, 5_357_730), (6, 5_376_546), (7, 5_382_818)])
def test_it_has_the_published_number_of_parameters(channels, parameters):
    assert sum(weight.numel() for weight in Hourglass(channels).parameters()) == parameters


def test_keys_are_those_of_the_published_weights():
    keys = Hourglass().state_dict().keys()
    outermost, innermost = "seq.3.list.0", "seq.3.list.0.3.list.0.3.list.1.3.list.1"
    assert {
        "seq.0.weight", "seq.1.weight", f"{outermost}.1.convs.0.0.weight", f"{outermost}.1.convs.3.4.running_var",
        f"{innermost}.3.convs.1.3.bias", "uncertainty_layer.0.weight", "pred_layer.weight",
    } <= keys  # fmt: skip
    assert f"{outermost}.1.convs.0.1.weight" not in keys, "norms within have no scale"
    assert len(keys) == 781


@pytest.mark.parametrize("ngf", [4, 8])
def test_width_goes_with_ngf_and_size_stays(ngf):
    network = Hourglass(6, ngf)
    log_depth, confidence = network(torch.rand(2, 6, 32, 48))
    assert log_depth.shape == confidence.shape == (2, 1, 32, 48)
    assert ((confidence > 0) & (confidence < 1)).all()
    assert network.pred_layer.in_channels == ngf
    described = describe_hourglass(network.state_dict())
    assert (described["input_nc"], described["ngf"]) == (6, ngf)


def test_what_is_seen_everywhere_reaches_each_pixel():
    network = Hourglass(3, 4).eval()
    pictures = torch.rand(1, 3, 64, 64, requires_grad=True)
    network(pictures).log_depth[0, 0, 0, 0].backward()
    assert pictures.grad[0, :, 40:, 40:].any(), "through the innermost maps"


def test_a_width_that_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        Hourglass(3, 6)


def test_other_weights_are_not_described():
    assert describe_hourglass({"seq.0.weight": torch.zeros(8, 3, 7, 7)}) is None
