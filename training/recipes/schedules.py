"""Schedules of the recipes, as Keras' own; steps count from 0.

    constant                                  lr
    step         factor, at, unit, first      times factor at each of the times `at`
    rates        shares, each, unit           shares of lr, each for so long, the last for the rest
    exponential  factor, every, unit          times factor at every so much
    polynomial   power                        lr (1 - step / all steps) ** power
    cosine       warmup, unit                 half a cosine to 0, after a straight rise from 0
    plateau      factor, times or floor,      times factor when an epoch's monitor has not improved
                 monitor, patience            for `patience` epochs; `times` times, or to floor * lr

unit: steps, epochs, or runs (shares of the whole run).  first: {share of lr, steps or epochs} to
begin with.  Times are those of the recipe's planned length: in a run of half that length they
come after half as long.  Only warmup and first last as long as they say, half of the run at most.
"""

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras.callbacks import ReduceLROnPlateau
from keras.optimizers import schedules

Run = namedtuple("Run", "steps epoch stretch")  # steps in all, in an epoch; stretch of the times


def total_steps(length: Mapping[str, Any], epoch: int) -> int:
    """Steps of a run.  length: has epochs or steps, not both; epoch: steps in one."""
    return length.get("steps") or round(length["epochs"] * epoch)


def build(recipe: Mapping[str, Any], epoch: int) -> tuple[Any, list[Any]]:
    """(rate, callbacks) of a recipe for an optimizer and for fit; epoch: steps in an epoch.

    rate is a number, or a Keras schedule.  Raises ValueError for an unknown schedule or unit.
    """
    name, kwargs = recipe["schedule"]["name"], recipe["schedule"]["kwargs"]
    if name not in SCHEDULES:
        raise ValueError(f"schedule={name!r}: schedule must be one of {', '.join(SCHEDULES)}")
    steps = total_steps(recipe, epoch)
    run = Run(steps, epoch, steps / total_steps(recipe["planned"], epoch))
    rate = SCHEDULES[name](recipe["lr"], run, **kwargs)
    return rate if isinstance(rate, tuple) else (rate, [])


def in_steps(times: Iterable[float], unit: str, run: Run) -> list[int]:
    """Times in a unit, as whole steps of this run."""
    each = {"steps": run.stretch, "epochs": run.epoch * run.stretch, "runs": run.steps}
    if unit not in each:
        raise ValueError(f"unit={unit!r}: unit must be one of {', '.join(each)}")
    return [round(t * each[unit]) for t in times]


def piecewise(ends: Iterable[int], rates: Sequence[float]) -> schedules.LearningRateSchedule:
    """rates[i] before step ends[i], the last rate from there on."""
    return schedules.PiecewiseConstantDecay([end - 1 for end in ends], rates)


def constant(lr: float, run: Run) -> float:
    return lr


def step(lr: float, run: Run, factor: float, at: Sequence[float], unit: str,
         first: Mapping[str, Any] | None = None) -> schedules.LearningRateSchedule:  # fmt: skip
    ends = in_steps(at, unit, run)
    rates = [lr * factor**i for i in range(len(at) + 1)]
    if first:
        begin = first.get("steps") or round(first["epochs"] * run.epoch)
        ends = [min(begin, run.steps // 2, ends[0]), *ends]
        rates = [lr * first["share"], *rates]
    return piecewise(ends, rates)


def rates(
    lr: float, run: Run, shares: Sequence[float], each: Sequence[float], unit: str
) -> schedules.LearningRateSchedule:
    ends = in_steps([sum(each[: i + 1]) for i in range(len(each))], unit, run)
    return piecewise(ends, [lr * share for share in shares])


def exponential(
    lr: float, run: Run, factor: float, every: float, unit: str
) -> schedules.LearningRateSchedule:
    (every,) = in_steps([every], unit, run)
    return schedules.ExponentialDecay(lr, max(every, 1), factor, staircase=True)


def polynomial(lr: float, run: Run, power: float) -> schedules.LearningRateSchedule:
    return schedules.PolynomialDecay(lr, run.steps, 0.0, power)


def cosine(
    lr: float, run: Run, warmup: float = 0, unit: str = "epochs"
) -> schedules.LearningRateSchedule:
    rise = warmup * {"steps": 1, "epochs": run.epoch, "runs": run.steps}[unit]
    up = round(min(rise, run.steps / 2))
    if not up:
        return schedules.CosineDecay(lr, run.steps)
    return schedules.CosineDecay(0.0, run.steps - up, warmup_target=lr, warmup_steps=up)


def plateau(lr: float, run: Run, factor: float, times: int | None = None,
            floor: float | None = None, monitor: str = "val_accuracy",
            patience: int = 5) -> tuple[float, list[Any]]:  # fmt: skip
    least = lr * (floor or (factor**times if times else 0.0))
    return lr, [ReduceLROnPlateau(monitor, factor, patience, min_lr=least)]


SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (constant, step, rates, exponential, polynomial, cosine, plateau)
}
