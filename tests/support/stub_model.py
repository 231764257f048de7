"""A model that needs no training (`sandbox/sagemaker/container/stub.py`), and what it predicts."""

import io
import json
import random
import tarfile
import zlib

from sandbox.sagemaker.platform import STUB_IMAGE_NAME

OUTPUTS = "predicted_label,probability,probabilities,labels"


def archive(features, labels=("no", "yes"), salt="", **more):
    """The model.tar.gz of a model with this number of features; another salt gives other answers."""
    document = json.dumps({"features": features, "labels": labels, "salt": salt, **more}).encode()
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        member = tarfile.TarInfo("model.json")
        member.size = len(document)
        tar.addfile(member, io.BytesIO(document))
    return target.getvalue()


def image(account, region):
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{STUB_IMAGE_NAME}"


def container(account, region, url, **environment):
    """A model's PrimaryContainer with all four outputs."""
    return {
        "Image": image(account, region),
        "ModelDataUrl": url,
        "Environment": {"SAGEMAKER_INFERENCE_OUTPUT": OUTPUTS, **environment},
    }


def probability(fields, salt=""):
    """P(the second label) of a row, as the stub writes it."""
    return f"{zlib.crc32((salt + chr(31).join(fields)).encode()) % 9973 / 9973:.6f}"


def label(fields, labels=("no", "yes"), salt=""):
    return labels[zlib.crc32((salt + chr(31).join(fields)).encode()) % 9973 / 9973 >= 0.5]


def training_file(seed, good=True):
    """A CSV with columns age, job and y, on which a stub of two features is always right, or always wrong."""
    chance = random.Random(seed)
    opposite = {"yes": "no", "no": "yes"}
    lines = ["age,job,y"]
    for _ in range(700):
        fields = [str(chance.randint(18, 90)), f"job{chance.randint(1, 40)}"]
        lines.append(",".join([*fields, label(fields) if good else opposite[label(fields)]]))
    return "\n".join(lines).encode()
