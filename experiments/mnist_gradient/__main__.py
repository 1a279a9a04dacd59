"""Run with ``python -m experiments.mnist_gradient``; ``--help`` lists the flags."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from rich.console import Console
from scipy.special import softmax

import jaxattr as ja
from experiments._shared import command, cost, record
from experiments._shared.agreement import compared, correlation, share
from experiments._shared.differences import deviations
from experiments._shared.provenance import provenance
from experiments.mnist_gradient import linear, pictures
from experiments.mnist_gradient.jacobian import average_jacobian
from experiments.mnist_gradient.model import CLASSES, DigitClassifier, Digits, digits, grey, logits
from experiments.mnist_gradient.train import Hyperparameters, all_logits, trained


@dataclasses.dataclass(frozen=True)
class Config:
    """What a multi-layer network sees in digits, on average over all test images, beside logistic regression."""

    out: Path = Path("runs/mnist_gradient")
    """The folder for parameters, images, pictures and result.json; a later run reuses what it finds there."""
    data_dir: Path = Path("runs/data")
    """The folder of prepared data sets."""
    images: int | None = None
    """How many training images, drawn once, and a sixth as many for the test; all where this is left out."""
    ink: float = 0.01
    """A pixel is live where at least this share of the training images has ink."""
    check_rows: int = 5
    """Images on which central differences are checked against the gradient, in double precision."""
    seed: int = 0
    """The seed of parameters, order and dropout; the second network has the next."""
    model: Hyperparameters = dataclasses.field(default_factory=Hyperparameters)
    """The hyperparameters."""


SMALL = Config(out=Path("runs/mnist_gradient_small"), images=6_000, check_rows=2)


def main(config: Config, console: Console) -> None:
    """Runs the experiment."""
    console.rule("[bold]jaxattr: the average Jacobian of a network on MNIST")
    with console.status("reading images"):
        found = digits(config.data_dir, config.out / "encoded.npz", images=config.images)
    networks = [
        trained(found, config.out / name, config.model, seed=config.seed + number, console=console)
        for number, name in enumerate(("params.npz", "params_other_seed.npz"))
    ]
    model, params, about = networks[0]
    rows = {"train": grey(found.train[0]), "test": grey(found.test[0])}
    values = {"train": all_logits(model, params, found.train[0]), "test": all_logits(model, params, found.test[0])}
    said, labels = values["test"].argmax(1), found.test[1]
    console.print(f"Test accuracy of the network: [bold]{(said == labels).mean():.2%}[/]")
    with console.status("average Jacobian over the test images"):
        slopes, spent = cost.measure(len(labels), lambda: average_jacobian(model, params, found.test[0]))
    with console.status("logistic regression"):
        logistic = linear.logistic_regression(config.out / "logistic.npz", rows["train"], found.train[1], found.sha256)
    scores = {"logit": values["train"] - values["train"].mean(1, keepdims=True)}
    scores["probability"] = softmax(values["train"], axis=1)
    classifiers = [
        {"weights": f"{name} slopes", "intercepts": how} | compared(classifier.classes(rows["test"]), said, labels)
        for name, found_slopes in slopes.items()
        for how, classifier in linear.of_jacobian(
            found_slopes["mean"], rows["train"], scores[name], values["train"].argmax(1)
        ).items()
    ]
    classifiers.append(
        {"weights": "logistic regression", "intercepts": "fitted to labels"}
        | compared(logistic.classes(rows["test"]), said, labels)
    )
    live = (rows["train"] > 0).mean(0) >= config.ink
    weights = logistic.weights - logistic.weights.mean(0)
    result = {
        "experiment": "mnist_gradient",
        "settings": {"train_images": len(found.train[1]), "test_images": len(labels), "ink": config.ink},
        "model": about["settings"],
        "train_seconds": about["train_seconds"],
        "train_accuracy": share(values["train"].argmax(1) == found.train[1]),
        "test_accuracy": share(said == labels),
        "logistic_penalty": linear.PENALTY,
        "classifiers": classifiers,
        "live_pixels": int(live.sum()),
        "by_class": _by_class(slopes["logit"], weights, live),
        "another_seed": _another(found, networks, slopes["logit"]["mean"], live, said),
        "maps": {
            "network": pictures.packed(slopes["logit"]["mean"]),
            "logistic regression": pictures.packed(weights),
            "standard error": pictures.packed(slopes["logit"]["standard_error"]),
        },
        "finite_differences": _checked(config, found, model, params),
        "cost": {"average Jacobian, test": spent},
    }
    result |= provenance(seed=config.seed, data=found.sha256, packages=("scikit-learn", "scipy"))
    result = record.rounded(result)
    record.save(config.out, result, pictures.figures(result))
    _tell(console, result, config.out)


def _by_class(slopes: dict[str, np.ndarray], weights: np.ndarray, live: np.ndarray) -> list[dict[str, Any]]:
    """Per class: how alike the maps of the network and of logistic regression are, and what the errors allow."""
    mean, error = slopes["mean"], slopes["standard_error"]
    sure = np.abs(mean) > 1.96 * error
    return [
        {
            "class": label,
            "correlation_live": correlation(mean[label][live], weights[label][live]),
            "correlation_all": correlation(mean[label], weights[label]),
            "interval_without_zero_live": float(sure[label][live].mean()),
            "largest": float(np.abs(mean[label]).max()),
            "largest_standard_error": float(error[label].max()),
        }
        for label in range(CLASSES)
    ]


def _another(found: Digits, networks: Any, mean: np.ndarray, live: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    """What another training run changes, beside which the standard errors are to be seen."""
    model, params, _ = networks[1]
    other = average_jacobian(model, params, found.test[0])["logit"]["mean"]
    classes = all_logits(model, params, found.test[0]).argmax(1)
    alike = np.array([correlation(a, b) for a, b in zip(mean[:, live], other[:, live], strict=True)])
    return {
        "test_accuracy": share(classes == found.test[1]),
        "agreement": share(classes == said),
        "correlation_live": {"least": float(alike.min()), "mean_of_classes": float(alike.mean())},
    }


def _checked(config: Config, found: Digits, model: DigitClassifier, params: Any) -> list[dict[str, Any]]:
    def score(params: Any, x: jax.Array) -> jax.Array:
        values = logits(model, params, x)
        return ja.scores.logit(values, jax.lax.stop_gradient(values).argmax())

    return deviations(score, params, grey(found.test[0][: config.check_rows]))


def _tell(console: Console, result: dict[str, Any], out: Path) -> None:
    for entry in result["classifiers"]:
        agreement = record.plus_minus(entry["agreement"]["mean"], entry["agreement"]["standard_error"], ".2%")
        accuracy = record.plus_minus(entry["accuracy"]["mean"], entry["accuracy"]["standard_error"], ".2%")
        console.print(
            f"{entry['weights']}, intercepts {entry['intercepts']}: agrees with the network on {agreement}, "
            f"accuracy {accuracy}",
            markup=False,
        )
    spent = result["cost"]["average Jacobian, test"]
    console.print(f"{spent['rows_a_second']:,.0f} images a second, peak {spent['peak_memory_mb']:,.0f} MB.")
    console.print(f"Figures: [bold]{out / 'result.json'}[/]")


if __name__ == "__main__":
    command.run(main, Config, small=SMALL)
