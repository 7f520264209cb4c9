"""The end-to-end part of a record in words. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.profiling.words import machine_line, significant, size

HEADINGS = ("Stage", "ms/image", "ms/person", "Share")
NUMBERS = HEADINGS[1:]


def title(whole: dict[str, Any]) -> str:
    """What was run."""
    return (f"{whole['model']} {size(whole['input'])} batch {whole['batch']} {whole['precision']}, end to end: "
            f"{whole['images']} images, {whole['people']} people, {whole['people_kept']} after OKS-NMS")


def stage_name(stage: str, whole: dict[str, Any]) -> str:
    """A stage with what it consists of."""
    passes = "2 passes: flip test" if whole["network_passes"] == 2 else "1 pass"
    return {"load": "load (read, decode)", "crop": "crop (warp)",
            "transfer": "transfer (to device, normalise)" if whole["device"] == "cuda" else "transfer (normalise)",
            "network": f"network ({passes})", "decode": f"decode ({whole['decode']})",
            "nms": "NMS (rescore, OKS-NMS)"}.get(stage, stage)


def spread(found: dict[str, float]) -> str:
    """Median and quartiles."""
    return f"{significant(found['median'])} ({significant(found['low'])}-{significant(found['high'])})"


def table(whole: dict[str, Any]) -> list[tuple[str, ...]]:
    """The cells of each stage and of the whole, under `HEADINGS`."""
    rows = [(stage_name(stage["stage"], whole), spread(stage["ms_per_image"]), spread(stage["ms_per_person"]),
             f"{100 * stage['share']:.1f} %") for stage in whole["stages"]]
    total = sum(stage["share"] for stage in whole["stages"])
    entire = whole["whole"]
    return [*rows, ("whole", spread(entire["ms_per_image"]), spread(entire["ms_per_person"]), f"{100 * total:.1f} %")]


def lines(record: dict[str, Any]) -> Iterator[str]:
    """What belongs under the table."""
    whole = record["end_to_end"]
    entire, passes = whole["whole"], whole["passes"]
    clock = "the stages' clock" + (" (which waits for the device at both ends of each stage)"
                                   if whole["synchronised"] else "")
    ratio = entire["cost_of_clock"]
    times = spread(ratio) if passes > 1 else significant(ratio["median"])
    ratio = entire["cost_of_clock"]
    times = spread(ratio) if passes > 1 else significant(ratio["median"])
    yield (f"{significant(entire['images_per_second'])} images/s, {significant(entire['people_per_second'])} people/s: "
           f"median of {passes} pass(es) without {clock} in turn with as many under it, which take {times} times "
           "as long" + ("." if whole["synchronised"] else ": on a CPU, the noise of the machine."))
    yield ("ms: median over images and passes, with quartiles; a batch's time is shared evenly among its people, a "
           "person's is that of the image by its people. Shares: of the wall clock of all passes.")
    yield (f"A first pass of {significant(entire['first_ms'] / 1e3)} s is not counted. Every file had then been read: "
           "load is from the page cache, unless the memory is too small for the folder.")
    if not whole["warm_up"]["stable"]:
        yield f"The first batch was not stable after {whole['warm_up']['blocks']} warm-up blocks."
    if whole["images_without_boxes"]:
        yield f"{whole['images_without_boxes']} image(s) have no box and are not read."
    yield f"weights: {whole['weights'] or 'initial ones, untrained'}; layout {whole['layout']}"
    yield from whole["notes"]
    yield machine_line(record)
