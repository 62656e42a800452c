"""The progress page: exercises done, runs made, own leaderboard. Everything on it is read from what is recorded.

Notable choices: one list of tables with two faces, HTML in a notebook or a file and plain text in a terminal; colours are those
of the page around it, so that light and dark stay legible; every cell is escaped, for names and dates come from files.
"""

import html
import math
from dataclasses import dataclass

from ..lab import board, records
from . import keep
from .exercises import EXERCISES

PARTS = {"scaled_dot_product_attention": "attention", "BertEmbeddings": "embeddings", "BertLayer": "layer", "AdamW": "AdamW",
         "pair_features": "pair features", "Head": "heads", "epoch_plan": "sampler"}  # fmt: skip
MARK = {"yours": "✓ yours", "reference": "○ reference", "to come": "– to come"}
TASKS = ("sst", "qqp", "sts", "mean")
LATEST = 12  # runs on the page
CELL = "text-align:left;padding:.15em .8em;border-bottom:1px solid rgba(128,128,128,.35)"


@dataclass
class Table:
    title: str
    heads: list
    rows: list

    def html(self):
        row = lambda tag, cells: "<tr>" + "".join(f'<{tag} style="{CELL}">{html.escape(str(c))}</{tag}>' for c in cells) + "</tr>"
        body = "".join(row("td", cells) for cells in self.rows)
        caption = f'<caption style="text-align:left;white-space:nowrap;font-weight:bold;color:inherit">{html.escape(self.title)}</caption>'
        heads = row("th", self.heads) if self.heads else ""
        return f'<table style="border-collapse:collapse;margin:.8em 0">{caption}{heads}{body}</table>'

    def __str__(self):
        lines = [self.heads, *self.rows]
        widths = [max(len(str(line[place])) for line in lines) for place in range(len(self.heads))]
        aligned = ["  ".join(f"{cell!s:<{width}}" for cell, width in zip(line, widths)).rstrip() for line in lines if line]
        return "\n".join([self.title, *(f"  {line}" for line in aligned)])


@dataclass
class Page:
    tables: list

    def _repr_html_(self):
        return f'<div style="color:inherit;overflow-x:auto">{"".join(table.html() for table in self.tables)}</div>'

    def __repr__(self):
        return "\n\n".join(map(str, self.tables))

    def whole(self):
        """A file of its own."""
        head = '<meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Progress</title>'
        body = f'<body style="font-family:sans-serif;margin:2em"><h1>Progress</h1>{self._repr_html_()}</body>'
        return f'<!doctype html><html lang="en">{head}{body}</html>\n'


def page():
    known = [record for folder in records.own_folders() for record in records.load_all([folder])]
    return Page([exercises(), runs(known), *leaderboards(known)])


def hers(made_with):
    """For a run's name: which of her own parts are in it."""
    *most, last = [word for name, word in PARTS.items() if name in made_with] or [""]
    return f" with your {', '.join(most) + ' and ' if most else ''}{last}" if last else ""


def exercises():
    kept = keep.load()
    mine, reference = keep.counts(EXERCISES)
    rows = []
    for name, exercise in EXERCISES.items():
        state = "yours" if name in mine else "reference" if name in reference else "to come"
        entry = kept.get(name, {})
        done = [entry.get("tries", ""), entry.get("hints", ""), entry.get("when", "")]
        rows.append([exercise.where, name, "●" * exercise.difficulty, MARK[state], *done])
    title = f"Exercises: {len(mine)} yours, {len(reference)} reference, {len(EXERCISES) - len(mine) - len(reference)} to come"
    return Table(title, ["notebook", "exercise", "difficulty", "state", "tries", "hints", "last"], rows)


def runs(known):
    if not known:
        return Table("Your runs: none yet", [], [])
    latest = sorted(known, key=lambda record: record.get("made") or "", reverse=True)[:LATEST]
    rows = [
        [one["name"] + hers(one.get("made_with") or []), one["config"].get("scale", ""), one["config"].get("seed", ""),
         *_scores(one["scores"]), f"{one.get('seconds') or 0:.0f}", one.get("made") or ""]
        for one in latest
    ]  # fmt: skip
    title = f"Your runs: {len(known)}" + (f", the latest {LATEST}" if len(known) > LATEST else "")
    return Table(title, ["system", "scale", "seed", *TASKS, "seconds", "made"], rows)


def leaderboards(known):
    """One table a scale: your systems by their mean score, over seeds, beside what the reports say of BERT-base."""
    for scale in dict.fromkeys(record["config"].get("scale") for record in known):
        found = [
            row | {"title": row["title"] + hers(made_with)}
            for folder, made_with in records.own_folders().items()
            for row in board.board(scale, [folder]).to_dict("records")
            if row["source"] == row["system"]
        ]
        rows = []
        for place, row in enumerate(sorted(found, key=_best_first), 1):
            published = {task: row.get(f"published_{task}") for task in TASKS}
            rows.append([place, row["system"], row["title"], row["seeds"], *_scores(row), *_scores(published)])
        heads = ["", "system", "what", "seeds", *TASKS, *(f"published {task}" for task in TASKS)]
        yield Table(f"Your leaderboard at {scale} scale (published scores are BERT-base's, on the real data)", heads, rows)


def _best_first(row):
    """By the mean, then by SST: a run of one task has no mean and comes last."""
    return [math.inf if math.isnan(row[score]) else -row[score] for score in ("mean", "sst")]


def _scores(scores):
    values = [scores.get(task) for task in TASKS]
    return ["" if value is None or math.isnan(value) else f"{value:.3f}" for value in values]
