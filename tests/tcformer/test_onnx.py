"""Export to ONNX, which takes the plain kernels, checked with onnxruntime on the CPU."""

import pytest
import torch

from tcformer import build_pose_model

pytest.importorskip("onnxscript", reason="export to ONNX needs onnxscript")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_exported_model_gives_the_same_heat_maps(tmp_path):
    torch.manual_seed(0)
    settings = {"widths": (8, 16, 24, 32), "depths": (1, 1, 1, 1), "neck_channels": 16, "neck_heads": 2}
    model = build_pose_model("tcformer_light", 17, **settings).eval()
    path = tmp_path / "tcformer.onnx"
    torch.onnx.export(model, (torch.randn(2, 3, 64, 48),), path, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for _ in range(3):  # other images than the exported one: their tokens are other ones
        image = torch.randn(2, 3, 64, 48)
        (found,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
        with torch.no_grad():
            wanted = model(image)
        torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())
