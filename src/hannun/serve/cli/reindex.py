"""`hannun reindex`: a collection and a model go in; every item is encoded again, or of the same model its words made anew."""

from __future__ import annotations

import typer

from hannun.serve.cli.options import DEFAULT, At, Model


def reindex(
    collection: At = DEFAULT,
    model: Model = None,
) -> int:
    """Encode every item again, with another model or a newer one. Stopped and run again, it goes on where it was."""
    from hannun import collection as face
    from hannun.load import load
    from hannun.serve.cli import output

    with face.open(collection, create=False) as opened:
        encoder = load(model or opened.settings.encoder)
        same = encoder.fingerprint == opened.settings.fingerprint
        with output.progress("encoding", len(opened)) as advance:
            report = opened.reindex(encoder, advance)
        opened.optimise()
    done = "with their words made anew" if same and report.added else "encoded"
    typer.echo(f"{report.added} {done}, {report.unchanged} already done; {collection} is made by {encoder.name} ({encoder.fingerprint})")
    return 0
