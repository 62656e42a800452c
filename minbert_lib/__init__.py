"""A small library to understand, build and fine-tune BERT; and the answer key of the notebooks.

Rooms, in the order in which a sentence passes through them: `text` (words → batches), `model` (batches → outputs),
`learn` (outputs → better weights), `lab` (runs → figures), `workbook` (what makes a notebook a workbook).
"""

__version__ = "0.1.0"
