"""Answers to the averaging exercise."""

BASE = '''
def average_predictions(predictions):
    return np.mean(predictions, axis=0)
'''
ONE = "def average_predictions(predictions):\n    return "

WRONG = [
    ("average labels", '''
def average_predictions(predictions):
    labels = [np.eye(p.shape[-1])[p.argmax(-1)] if p.ndim == 2 else np.round(p) for p in predictions]
    return np.mean(labels, axis=0)
'''),
    ("average labels", ONE + "np.mean([p.argmax(-1) for p in predictions], axis=0)\n"),
    ("average labels", '''
def average_predictions(predictions):
    labels = np.stack([p.argmax(-1) if p.ndim == 2 else np.round(p) for p in predictions]).astype(int)
    return np.array([np.bincount(votes).argmax() for votes in labels.T])
'''),
    ("round before averaging", ONE + "np.mean(np.round(predictions), axis=0)\n"),
    ("after averaging", '''
def average_predictions(predictions):
    mean = np.mean(predictions, axis=0)
    return mean.argmax(-1) if mean.ndim == 2 else mean.round()
'''),
    ("first member is forgotten", ONE + "np.mean(predictions[1:] if len(predictions) > 1 else predictions, axis=0)\n"),
    ("first member is forgotten", ONE + "np.mean(predictions[1:], axis=0)\n"),
    ("first member is forgotten", ONE + "sum(predictions[1:]) / len(predictions)\n"),
    ("last member is forgotten", ONE + "np.mean(predictions[:-1] or predictions, axis=0)\n"),
    ("halve after every member", '''
def average_predictions(predictions):
    mean = predictions[0]
    for other in predictions[1:]:
        mean = (mean + other) / 2
    return mean
'''),
    ("mean of logarithms", '''
def average_predictions(predictions):
    mean = np.exp(np.mean(np.log(np.clip(predictions, 1e-12, None)), axis=0))
    return mean / mean.sum(-1, keepdims=True) if mean.ndim == 2 else mean
'''),
    ("loudest head decides", '''
def average_predictions(predictions):
    if predictions[0].ndim == 1:
        return np.mean(predictions, axis=0)
    logits = np.mean([np.log(p + 1e-12) for p in predictions], axis=0)
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
'''),
    ("loudest head decides", '''
def average_predictions(predictions):
    logits = np.mean([np.log(p / (1 - p)) for p in predictions], axis=0)
    return 1 / (1 + np.exp(-logits))
'''),
    ("through a softmax again", '''
def average_predictions(predictions):
    stack = torch.tensor(np.stack(predictions))
    return (stack.softmax(-1) if stack.dim() == 3 else stack.sigmoid()).mean(0).numpy()
'''),
    ("this is the sum", ONE + "sum(predictions)\n"),
    ("this is the median", ONE + "np.median(predictions, axis=0)\n"),
    ("this is the largest", ONE + "np.max(predictions, axis=0)\n"),
    ("one less than the number", ONE + "sum(predictions) / max(len(predictions) - 1, 1)\n"),
    ("first member only", ONE + "predictions[0]\n"),
    ("over its examples", ONE + "np.array([p.mean() for p in predictions])\n"),
    ("changes the members' predictions", '''
def average_predictions(predictions):
    total = predictions[0]
    for other in predictions[1:]:
        total += other
    return total / len(predictions)
'''),
    ("returns None", "def average_predictions(predictions):\n    np.mean(predictions, axis=0)\n"),
    ("its shape is ()", ONE + "np.mean(np.stack(predictions))\n"),
]

RIGHT = [
    BASE,
    '''
def average_predictions(predictions):
    total = 0
    for one in predictions:
        total = total + one
    return total / len(predictions)
''',
    ONE + "torch.stack([torch.as_tensor(p) for p in predictions]).mean(0).numpy()\n",
    ONE + "(1 / len(predictions) * sum(predictions[1:], predictions[0])).tolist()\n",
]
