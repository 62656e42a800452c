"""What the fast path is measured against: the ways in which people train BERT today.

Notable choices
- `Plain` is the way of a first implementation: every layer whole, attention written out, masks added as −10,000, dropout and
  products by PyTorch's defaults, random batches padded to their longest sentence, and AdamW as a Python loop over parameters.
- `HuggingFace` serves the usual way of `transformers` (its own classes, SDPA, random batches, float32, PyTorch's AdamW as it
  comes), and the same library used well: batches by length, 16 bits, the fused AdamW.
- All start from the same weights as our own model, with the same head (the checkpoint's pooler, then one linear layer).
- Public SMART and the textbook PCGrad are written here from their descriptions.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import MinbertError
from ..learn.compare import symmetric_kl
from ..text.tasks import TASKS


def transformers():
    """The package, quiet; without it a line that says what to do."""
    try:
        import transformers
    except ImportError:
        raise MinbertError("bench compares with Hugging Face's transformers: pip install transformers") from None
    transformers.logging.set_verbosity_error()
    return transformers


class Plain(nn.Module):
    """BERT in the most direct way, on the weights of one of ours."""

    def __init__(self, model, task):
        super().__init__()
        bert = model.bert
        self.heads, self.p = bert.config.num_attention_heads, bert.config.hidden_dropout_prob
        self.p_attention = bert.config.attention_probs_dropout_prob
        self.weights = nn.ParameterDict({name.replace(".", "/"): p.detach().clone() for name, p in bert.state_dict().items()})
        self.head = nn.Linear(bert.config.hidden_size, TASKS[task].outputs)
        self.head.load_state_dict(model.heads[task][-1].state_dict())
        self.layers, self.task = len(bert.layers), task

    def forward(self, batch):
        return answer(self.head(self.drop(self.encode(batch))), self.task)

    def encode(self, batch):
        ids = batch.input_ids
        at = torch.arange(ids.size(1)).expand_as(ids)
        x = self.table("word", ids) + self.table("position", at) + self.table("token_type", batch.token_type_ids)
        x = self.drop(self.norm("embeddings/LayerNorm", x))
        mask = (1 - batch.attention_mask.float())[:, None, None, :] * -10000.0
        for number in range(self.layers):
            x = self.layer(f"encoder/layer/{number}/", x, mask)
        return torch.tanh(self.linear("pooler/dense", x[:, 0]))

    def layer(self, at, x, mask):
        rows, length, width = x.shape
        q, k, v = (
            self.linear(f"{at}attention/self/{name}", x).view(rows, length, self.heads, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(width // self.heads) + mask
        weights = F.dropout(F.softmax(scores, dim=-1), self.p_attention, self.training)
        heard = torch.matmul(weights, v).transpose(1, 2).contiguous().view(rows, length, width)
        heard = self.drop(self.linear(f"{at}attention/output/dense", heard))
        x = self.norm(f"{at}attention/output/LayerNorm", heard + x)
        wide = F.gelu(self.linear(f"{at}intermediate/dense", x))
        return self.norm(f"{at}output/LayerNorm", self.drop(self.linear(f"{at}output/dense", wide)) + x)

    def table(self, name, ids):
        return F.embedding(ids, self.weights[f"embeddings/{name}_embeddings/weight"])

    def linear(self, name, x):
        return F.linear(x, self.weights[f"{name}/weight"], self.weights[f"{name}/bias"])

    def norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}/weight"], self.weights[f"{name}/bias"], 1e-12)

    def drop(self, x):
        return F.dropout(x, self.p, self.training)


class HuggingFace(nn.Module):
    """BertForSequenceClassification on the weights of one of ours."""

    def __init__(self, model, task):
        super().__init__()
        room, outputs = transformers(), TASKS[task].outputs
        config = room.BertConfig(**vars(model.bert.config), num_labels=outputs, attn_implementation="sdpa")
        self.model = room.BertForSequenceClassification(config)
        self.model.bert.load_state_dict(model.bert.state_dict(), strict=False)
        self.model.classifier.load_state_dict(model.heads[task][-1].state_dict())
        self.task = task

    def forward(self, batch):
        out = self.model(batch.input_ids, batch.attention_mask.long(), batch.token_type_ids)
        return answer(out.logits, self.task)

    def embed(self, batch):
        return self.model.bert.embeddings(batch.input_ids, batch.token_type_ids)

    def predict_from(self, embedded, batch):
        """From the embedding output on, which is where public SMART puts its noise."""
        room = self.model.bert
        mask = batch.attention_mask[:, None, None, :].expand(-1, 1, embedded.size(1), -1)
        hidden = room.encoder(embedded, attention_mask=mask)[0]
        return answer(self.model.classifier(self.model.dropout(room.pooler(hidden))), self.task)


def answer(logits, task):
    return logits if TASKS[task].kind == "classes" else logits.squeeze(-1)


def hugging_face_mlm(masked_lm):
    """BertForMaskedLM on the weights of one of ours."""
    room = transformers()
    theirs = room.BertForMaskedLM(room.BertConfig(**vars(masked_lm.bert.config), attn_implementation="sdpa"))
    theirs.load_state_dict(masked_lm.state_dict(), strict=False)
    return theirs


def public_smart(predict_from, embedded, batch, clean, sigma=1e-5, step_size=1e-3, eps=1e-6, steps=1):
    """SMART as the public code has it: a random start, K whole passes up the gradient, each token's move made 1 in size."""
    noise = torch.randn_like(embedded, requires_grad=True) * sigma
    for _ in range(steps):
        loss = symmetric_kl(predict_from(embedded + noise, batch), clean.detach())
        (gradient,) = torch.autograd.grad(loss, noise)
        moved = noise + step_size * gradient
        noise = (moved / (moved.abs().amax(-1, keepdim=True) + eps)).detach().requires_grad_()
    return symmetric_kl(predict_from(embedded + noise, batch), clean)


def textbook_pcgrad(gradients, orders):
    """PCGrad word by word: flatten, project one gradient after the other, add up, cut apart again."""
    flat = [torch.cat([part.reshape(-1) for part in task]) for task in gradients]
    projected = []
    for own, order in zip(flat, orders):
        changed = own.clone()
        for other in order:
            dot = torch.dot(changed, flat[other])
            if dot < 0:
                changed -= dot / torch.dot(flat[other], flat[other]) * flat[other]
        projected.append(changed)
    total = torch.stack(projected).sum(0)
    pieces = total.split([part.numel() for part in gradients[0]])
    return [piece.view_as(part) for piece, part in zip(pieces, gradients[0])]
