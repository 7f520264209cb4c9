"""What a user's package needs: a builder, and dictionaries of the form of harness/specs."""


def build(num_keypoints, width=8):
    """A network of two convolutions, stride 4."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, width, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(width, num_keypoints, 3, stride=2, padding=1),
    )


def build_wrong(num_keypoints):
    """Breaks the contract: heat maps of half the input, not a quarter."""
    from torch import nn

    return nn.Conv2d(3, num_keypoints, 3, stride=2, padding=1)


PEOPLE = {
    "title": "The synthetic people under another name",
    "layout": "coco-wholebody",
    "reader": "harness.data.sets:read_coco",
    "train": "train",
    "evaluate": "val",
    "splits": {
        "train": {"annotations": ["annotations/coco_wholebody_train_v1.0.json"], "images": "train2017"},
        "val": {"annotations": ["annotations/coco_wholebody_val_v1.0.json"], "images": "val2017",
                "detections": ["annotations/person_detections.json"]},
    },
}


def table():
    """A table of one row."""
    return {
        "title": "A user's own table",
        "source": "nowhere",
        "dataset": "coco-wholebody",
        "parts": ["body", "wholebody"],
        "metrics": ["AP"],
        "rows": [{
            "id": "own", "title": "Own network", "resolution": [64, 64], "paradigm": "top-down", "published": [],
            "model": "example_net", "gaps": [],
            "stand_ins": {"smoke": {"model": "example_net", "model_args": {"width": 4}}},
        }],
    }
