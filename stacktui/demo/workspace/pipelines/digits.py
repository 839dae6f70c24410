"""Train two classifiers on scikit-learn's handwritten digits, keep the better one and serve it.

It goes through all ten categories: the orchestrator runs the steps in order, two at a time; the artifact
store keeps every frame and model; the metadata store records the run; features come from the feature store;
the forest trains in the step operator; both trainings log curves to the experiment tracker; the code is
packed as an image into the container registry; the model card is signed with a key from the secrets
manager; the model deployer serves the better model; and the alerter says how it went.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from stacktui import Level, Resources, context, pipeline, step

STROKES = ["strokes:ink", "strokes:width", "strokes:height", "strokes:symmetry"]


@step
def load(limit: int = 1797) -> Annotated[pd.DataFrame, "digits"]:
    """The images as rows: an id, the time at which each was scanned, 64 pixels and the digit."""
    bundle: Any = load_digits()
    pixels = pd.DataFrame(bundle.data[:limit], columns=[f"pixel_{n:02d}" for n in range(64)])
    scans = pd.date_range("2026-01-05", periods=len(pixels), freq="5min", tz="UTC")
    digits: pd.DataFrame = pixels.assign(
        image_id=np.arange(len(pixels)), event_timestamp=scans, digit=bundle.target[:limit]
    )
    print(f"{len(digits)} images of {digits.digit.nunique()} digits")
    return digits


@step
def add_features(digits: pd.DataFrame) -> Annotated[pd.DataFrame, "digits"]:
    """Join what the feature store knew about each image when it was scanned."""
    entities = digits[["image_id", "event_timestamp"]]
    known: pd.DataFrame = context().feature_store.historical(entities, STROKES)
    columns = [name for name in known.columns if name not in ("image_id", "event_timestamp")]
    missing = int(known[columns].isna().any(axis=1).sum())
    print(f"{len(columns)} features joined; {missing} images without")
    return digits.reset_index(drop=True).join(known[columns].fillna(0.0).reset_index(drop=True))


@step
def split(
    digits: pd.DataFrame, test_share: float = 0.25
) -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]:
    """Hold back a share of each digit."""
    train, test = train_test_split(digits, test_size=test_share, stratify=digits.digit, random_state=7)
    print(f"{len(train)} to train on, {len(test)} to test on")
    return train.reset_index(drop=True), test.reset_index(drop=True)


@step
def scale(
    train: pd.DataFrame, test: pd.DataFrame
) -> tuple[Annotated[pd.DataFrame, "train"], Annotated[pd.DataFrame, "test"]]:
    """Bring every feature to mean 0 and variance 1, as learned from the training rows alone."""
    columns = _features(train)
    scaler = StandardScaler().fit(train[columns])
    return _scaled(train, columns, scaler), _scaled(test, columns, scaler)


@step
def train_linear(
    train: pd.DataFrame, epochs: int = 12, alpha: float = 0.0005
) -> Annotated[ClassifierMixin, "model"]:
    """A linear classifier, epoch by epoch."""
    tracker = context().experiment_tracker
    tracker.log_params({"linear.alpha": alpha, "linear.epochs": epochs})
    columns = _features(train)
    fit_on, check_on = train_test_split(train, test_size=0.2, stratify=train.digit, random_state=7)
    model = SGDClassifier(loss="log_loss", alpha=alpha, random_state=7)
    classes = np.arange(10)
    for epoch in range(epochs):
        model.partial_fit(fit_on[columns].to_numpy(), fit_on.digit, classes=classes)
        accuracy = float(model.score(check_on[columns].to_numpy(), check_on.digit))
        tracker.log_metric("linear.accuracy", accuracy, step=epoch)
        print(f"epoch {epoch + 1:2d}/{epochs}  accuracy {accuracy:.4f}")
    return model


@step(step_operator="subprocess", resources=Resources(cpu=1, memory="2GiB"), timeout="10m")
def train_forest(train: pd.DataFrame, trees: int = 120) -> Annotated[ClassifierMixin, "model"]:
    """A random forest, grown in stages so that its curve can be watched."""
    tracker = context().experiment_tracker
    tracker.log_params({"forest.trees": trees})
    columns = _features(train)
    fit_on, check_on = train_test_split(train, test_size=0.2, stratify=train.digit, random_state=7)
    model = RandomForestClassifier(n_estimators=0, warm_start=True, random_state=7)
    for size in range(10, trees + 1, 10):
        model.set_params(n_estimators=size)
        model.fit(fit_on[columns].to_numpy(), fit_on.digit)
        accuracy = float(model.score(check_on[columns].to_numpy(), check_on.digit))
        tracker.log_metric("forest.accuracy", accuracy, step=size)
        print(f"{size:3d} trees  accuracy {accuracy:.4f}")
    return model


@step
def evaluate(model: ClassifierMixin, test: pd.DataFrame) -> Annotated[dict[str, Any], "report"]:
    """Accuracy and confusion on the rows that were held back."""
    guesses = model.predict(test[_features(test)].to_numpy())
    accuracy = float(accuracy_score(test.digit, guesses))
    kind = type(model).__name__
    context().experiment_tracker.log_metric(f"{kind}.test_accuracy", accuracy)
    print(f"{kind}: {accuracy:.4f} on {len(test)} rows")
    return {"model": kind, "accuracy": accuracy, "confusion": confusion_matrix(test.digit, guesses).tolist()}


@step
def choose(
    linear: ClassifierMixin,
    forest: ClassifierMixin,
    linear_report: dict[str, Any],
    forest_report: dict[str, Any],
) -> tuple[Annotated[ClassifierMixin, "model"], Annotated[dict[str, Any], "report"]]:
    """The better of the two."""
    better_forest = forest_report["accuracy"] >= linear_report["accuracy"]
    print(f"chosen: {(forest_report if better_forest else linear_report)['model']}")
    return (forest, forest_report) if better_forest else (linear, linear_report)


@step
def package() -> Annotated[dict[str, Any], "image"]:
    """The code of this run as an image, so that the model can be traced to what trained it."""
    run = context().run
    image = context().container_registry.build(
        context().code, "digits", tags=("latest",), labels={"run": run.run_id}
    )
    print(f"{image.repository}@{image.digest[:19]}, {image.size} bytes")
    return {"repository": image.repository, "digest": image.digest, "size": image.size}


@step
def deploy(model: ClassifierMixin) -> Annotated[dict[str, Any], "server"]:
    """Serve the model, or put it in the place of the one that is served already."""
    server = context().model_deployer.deploy(
        "digits", context().input_artifact("model"), run_id=context().run.run_id
    )
    print(f"{server.name} version {server.version} at {server.address}")
    return {"name": server.name, "address": server.address, "version": server.version}


@step(cache=False)
def predict(server: dict[str, Any], test: pd.DataFrame) -> Annotated[dict[str, Any], "check"]:
    """Ask the served model for some digits that it never saw, over HTTP."""
    sample = test.head(50)
    answers = context().model_deployer.predict(server["name"], sample[_features(sample)].to_numpy().tolist())
    right = int((np.asarray(answers).reshape(-1) == sample.digit.to_numpy()).sum())
    context().experiment_tracker.log_metric("served.accuracy", right / len(sample))
    print(f"served by {server['address']}: {right} of {len(sample)} right")
    return {"asked": len(sample), "right": right}


@step(secrets=["model-card.signing_key"])
def tell(
    report: dict[str, Any], check: dict[str, Any], image: dict[str, Any], server: dict[str, Any]
) -> Annotated[dict[str, Any], "card"]:
    """Sign the model card and tell the team."""
    card = {
        "model": report["model"],
        "accuracy": round(report["accuracy"], 4),
        "served": f"{check['right']}/{check['asked']}",
        "version": server["version"],
        "image": image["digest"],
    }
    key = context().secret("model-card.signing_key")
    signature = hmac.new(key.encode(), json.dumps(card, sort_keys=True).encode(), hashlib.sha256).hexdigest()
    context().alerter.post(
        f"digits: {card['model']} reaches {card['accuracy']:.2%}, version {card['version']} is served",
        Level.SUCCESS,
    )
    return {**card, "signature": signature}


@pipeline
def digits(
    limit: int = 1797, test_share: float = 0.25, epochs: int = 12, alpha: float = 0.0005, trees: int = 120
) -> None:
    """Train a linear model and a forest side by side, and serve the better one."""
    train, test = split(add_features(load(limit)), test_share)
    train, test = scale(train, test)
    linear = train_linear(train, epochs=epochs, alpha=alpha)
    forest = train_forest(train, trees=trees)
    linear_report = evaluate.named("evaluate_linear")(linear, test)
    forest_report = evaluate.named("evaluate_forest")(forest, test)
    model, report = choose(linear, forest, linear_report, forest_report)
    server = deploy(model)
    tell(report, predict(server, test), package(), server)


def _features(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in ("image_id", "event_timestamp", "digit")]


def _scaled(frame: pd.DataFrame, columns: list[str], scaler: StandardScaler) -> pd.DataFrame:
    scaled = pd.DataFrame(scaler.transform(frame[columns]), columns=columns)
    return pd.concat([frame[["image_id", "event_timestamp", "digit"]].reset_index(drop=True), scaled], axis=1)
