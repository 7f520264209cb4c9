"""`harness profile`."""

from __future__ import annotations

import typer

from harness.cli.given import given

NAME = "profile"
EXAMPLE = "harness profile tcformer_large,hrnet_w48 --input 384x288 --batch 1,16 --precision bf16 --device cuda"


def command(
    context: typer.Context,
    models: str | None = typer.Argument(None, metavar="MODEL[,MODEL]", help="networks; `harness list models`"),
    inputs: str = typer.Option("256x192", "--input", help="HxW[,HxW] of the network's input, pixels"),
    batch: str = typer.Option("1", help="images in a batch: 1,16"),
    precision: str = typer.Option("fp32", help="fp32, tf32, bf16, fp16; several separated by commas"),
    mode: str | None = typer.Option(None, help="eager: as built; compile: torch.compile; graph: CUDA graph; fast: the "
                                               "package's own best; eager,fast by default, for training eager"),
    train: bool = typer.Option(False, "--train", help="time a training step instead of inference"),
    clustering: bool = typer.Option(False, "--clustering", help="time DPC-KNN of the first merge alone"),
    device: str = typer.Option("auto", help="auto, cpu or cuda"),
    threads: int | None = typer.Option(None, help="CPU threads; as many as there are cores by default", min=1),
    images: str | None = typer.Option(None, help="folder of images to run on; people are drawn without one"),
    rounds: int = typer.Option(20, help="rounds; every row is timed once in each", min=1),
    parts: bool = typer.Option(False, "--parts", help="also time the model's convolutions and linear layers alone "
                                                      "(CPU, fp32)"),
    fit: bool = typer.Option(False, "--fit", help="find the largest batch that memory holds, from --batch on, in fresh "
                                                  "processes"),
    memory_limit: str | None = typer.Option(None, help="of --fit: a size such as 4GiB; the GPU's memory by default, on "
                                                       "a CPU most of what is free"),
    against: str | None = typer.Option(None, help="commit of this repository whose TCFormer is timed, too"),
    suite: str | None = typer.Option(None, help="measure a named suite in place of MODEL: speed"),
    only: str | None = typer.Option(None, help="of the suite, only these groups, comma-separated"),
    page: str | None = typer.Option(None, help="write the page of the suite's records into this file; alone, it "
                                               "measures nothing"),
    records: str = typer.Option("results/speed", help="folder of the suite's records, one file a machine"),
    json_output: bool = typer.Option(False, "--json", help="print the record as JSON"),
    out: str | None = typer.Option(None, help="write the record into this JSON file, too"),
    end_to_end: str | None = typer.Option(None, help="folder of images: the share of load, crop, transfer, network, "
                                                     "decode and NMS, on the road of `harness predict`"),
    boxes: str | None = typer.Option(None, help="end to end: person boxes as x,y,w,h or a file of detections or COCO "
                                                "annotations; the whole image by default"),
    weights: str | None = typer.Option(None, help="end to end: weights file; initial weights by default"),
    changes: list[str] = typer.Option([], "--set", help="end to end: section.name=value of the protocol"),
    figure: str | None = typer.Option(None, help="draw throughput against batch size, end to end the shares, into this "
                                                 ".png, .svg or .pdf file"),
    operations: bool = typer.Option(False, "--operations", help="multiply-adds and FLOPs by operator and module, in "
                                                                "every convention; alone, with --page: published "
                                                                "figures and the conventions that give them"),
    depth: int = typer.Option(2, help="operations: levels of modules to print", min=0),
    html: str | None = typer.Option(None, help="operations: write a page with the tree of modules into this file"),
) -> None:
    """Time and memory of networks on this machine, side by side: every row is timed in turn, round by round."""
    if end_to_end is not None:
        from harness.cli import whole

        whole.command(context)
        return
    if operations:
        from harness.cli import operations as counted

        counted.command(context)
        return
    from pathlib import Path

    from harness.cli import profiled
    from harness.errors import UserError
    from harness.profiling.request import Request, make, make_fit

    if html is not None:
        raise UserError("--html is for --operations")
    if only is not None and suite is None:
        raise UserError("--only is for the groups of a --suite")
    if boxes or weights or changes:
        raise UserError("--boxes, --weights and --set are for --end-to-end")
    if figure and (models is None or fit):
        raise UserError("--figure is for the times of named networks and for --end-to-end")
    if memory_limit and not fit:
        raise UserError("--memory-limit is for --fit")
    if fit and models is None:
        raise UserError("--fit is for named networks")
    if models is not None and suite is not None:
        raise UserError(f"{models} and --suite {suite}: name networks or a suite, one of the two")
    if models is None and suite is None and page is None:
        raise UserError("name networks (`harness list models`) or a --suite")
    check_given(context, models is not None)
    if models is not None and page is not None:
        raise UserError("--page is made of a suite's records; --suite speed measures them")
    if models is None and out is not None:
        raise UserError("--out is for named networks; a suite writes into --records")
    if train and clustering:
        raise UserError("--train and --clustering: one of the two")
    profiled.check_outputs(context.params, ("out", "figure", "page"))
    if models is not None:
        what = "training" if train else "clustering" if clustering else "inference"
        request = Request(models=models, inputs=inputs, batch=batch, precision=precision, mode=mode, what=what,
                          device=device, threads=threads, images=images, rounds=rounds, layers=parts, against=against)
        file = Path(out) if out else None
        if fit:
            profiled.run_fit(*make_fit(request, memory_limit), json_output, file)
            return
        settings, subjects = make(request)
        profiled.run(subjects, settings, json_output, file, Path(figure) if figure else None)
        return
    if suite is not None:
        profiled.run_suite(suite, only, device, threads, rounds, images, Path(records), json_output)
    if page is not None:
        profiled.write_page(suite or "speed", Path(records), Path(page))


OF_NETWORKS = ("inputs", "batch", "precision", "mode", "train", "clustering", "parts", "against")
"""Parameters that say how named networks are measured; a suite's groups say it themselves."""
OF_SUITES = ("records",)
OF_OPERATIONS = ("depth",)


def check_given(context: typer.Context, networks: bool) -> None:
    """Raises UserError for an option that would have no effect."""
    from harness.errors import UserError

    for parameter in given(context):
        if parameter.name in OF_OPERATIONS:
            raise UserError(f"{parameter.opts[0]} is for --operations")
        if parameter.name in OF_SUITES and networks:
            raise UserError(f"{parameter.opts[0]} is for a --suite")
        if parameter.name in OF_NETWORKS and not networks:
            raise UserError(f"{parameter.opts[0]} is for named networks; the groups of a suite say it themselves")
