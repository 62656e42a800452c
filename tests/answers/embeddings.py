"""Answers to the embeddings exercise."""

from answers import edits_of

BASE = '''
class BertEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids, token_type_ids=None):
        positions = torch.arange(input_ids.size(1))
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        x = self.word_embeddings(input_ids) + self.position_embeddings(positions) + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(x))
'''
but = edits_of(BASE)

WRONG = [
    ("positions are missing", but((" + self.position_embeddings(positions)", ""))),
    ("token types are missing", but((" + self.token_type_embeddings(token_type_ids)", ""))),
    ("token_type_ids has no effect", but(("self.token_type_embeddings(token_type_ids)", "self.token_type_embeddings(torch.zeros_like(input_ids))"))),
    ("types are swapped", but(("self.token_type_embeddings(token_type_ids)", "self.token_type_embeddings(1 - token_type_ids)"))),
    ("positions start at 1", but(("self.position_embeddings(positions)", "self.position_embeddings((positions + 1) % 16)"))),
    ("count the sentences", but(("torch.arange(input_ids.size(1))", "torch.arange(input_ids.size(0))[:, None]"))),
    ("positions are the word ids", but(("torch.arange(input_ids.size(1))", "input_ids.clamp(max=15)"))),
    ("LayerNorm is missing", but(("self.LayerNorm(x)", "x"))),
    ("before the sum", but(("self.word_embeddings(input_ids)", "self.LayerNorm(self.word_embeddings(input_ids))"), ("dropout(self.LayerNorm(x))", "dropout(x)"))),
    ("PyTorch's eps", but((", eps=config.layer_norm_eps", ""))),
    ("first transformer", but(("self.word_embeddings(input_ids)", "self.word_embeddings(input_ids) * x_root"), ("        positions =", "        x_root = math.sqrt(self.word_embeddings.embedding_dim)\n        positions ="))),
    ("dropout is missing", but(("self.dropout(self.LayerNorm(x))", "self.LayerNorm(x)"))),
    ("dropout is in the wrong place", but(("self.dropout(self.LayerNorm(x))", "self.LayerNorm(self.dropout(x))"))),
    ("two different answers", but(("self.dropout(self", "F.dropout(self"))),
    ("lack LayerNorm.weight", but(("self.LayerNorm", "self.norm"))),
    ("position_embeddings.weight has shape", but(("config.max_position_embeddings", "config.max_position_embeddings + 1"))),
    ("must be Tensor, not NoneType", but(("            token_type_ids = torch.zeros_like(input_ids)", "            pass"))),
]

RIGHT = [
    BASE,
    '''
class BertEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        sizes = {"word_embeddings": config.vocab_size, "position_embeddings": config.max_position_embeddings, "token_type_embeddings": config.type_vocab_size}
        for name, size in sizes.items():
            self.add_module(name, nn.Embedding(size, config.hidden_size))
        self.LayerNorm = nn.LayerNorm((config.hidden_size,), config.layer_norm_eps)
        self.p = config.hidden_dropout_prob

    def forward(self, ids, types=None):
        B, L = ids.shape
        where = self.position_embeddings.weight[:L].unsqueeze(0).expand(B, L, -1)
        which = self.token_type_embeddings.weight[0] if types is None else self.token_type_embeddings(types)
        return F.dropout(self.LayerNorm(self.word_embeddings(ids) + where + which), self.p, self.training)
''',
    '''
class Sum(nn.Module):
    def total(self, *parts):
        return torch.stack(torch.broadcast_tensors(*parts)).sum(0)

class BertEmbeddings(Sum):
    def __init__(self, config):
        super(BertEmbeddings, self).__init__()
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.register_buffer("positions", torch.arange(config.max_position_embeddings)[None], persistent=False)

    def forward(self, input_ids, token_type_ids=None):
        types = token_type_ids if token_type_ids is not None else input_ids.new_zeros(input_ids.shape)
        where = self.position_embeddings(self.positions[:, : input_ids.shape[1]])
        return self.dropout(self.LayerNorm(self.total(self.word_embeddings(input_ids), where, self.token_type_embeddings(types))))
''',
    '''
class BertEmbeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, input_ids, token_type_ids=None):
        x = F.embedding(input_ids, self.word_embeddings.weight)
        x = x + self.position_embeddings(torch.arange(x.size(1), device=x.device).expand_as(input_ids))
        x = x + self.token_type_embeddings(input_ids * 0 if token_type_ids is None else token_type_ids)
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.pow(2).mean(-1, keepdim=True) + self.config.layer_norm_eps).sqrt()
        return self.dropout(x * self.LayerNorm.weight + self.LayerNorm.bias)
''',
]
