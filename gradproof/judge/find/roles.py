"""What the names in a program stand for: a table of the words that people use."""

import re

# role → pattern of argument names, in lower case without outer underscores; the first that fits counts
_WORDS = {
    "pairs": r"mini_?batch|training_?data|(?:test|valid(?:ation)?|val|eval|dev)_?(?:data|set)|"
    r"train_?data|trainset|patterns|pairs|examples|samples|dataset|data|datos|daten|dados|dati|donn[eé]es",
    "sizes": r"sizes|layer_?sizes|layers?_?dims?|dims|dimensions|architecture|arch|structure|topology|shape|layers|"
    r"neurons|nodes|num_nodes|layout|widths|units|n_?units|layer_?nodes|network_?structure",
    "decay": r"lmbda|lambda|lambd|lam|lbd|reg|reg_?lambda|reg_?strength|regularization|l[12]|l[12]_?reg|weight_?decay|"
    r"decay|lambda_?reg|reg_?param|penalty",
    "rate": r"lr|eta|alpha|rate|learning_?rate|learn_?rate|learnrate|learningrate|step|step_?size|stepsize|pace|gamma|"
    r"lr_?rate|l_?rate|n$|η",
    "momentum": r"momentum|mu|beta\d?|rho|mom|sparsity_?\w*",
    "epochs": r"n?_?(num_?)?(epochs?|iter(ation)?s?|steps|rounds|max_?iter|n_?iter|turns|times|cycles|maxiter)|"
    r"\w+_(?:every|interval|freq(?:uency)?)",
    "batch": r"batch_?size|mini_?batch_?size|bs|bsize|batchsize|size_?batch",
    "total": r"n|m|total|count|num_?examples|n_?samples|n_?train|train_?size|data_?size|dataset_?size|num_?samples",
    "seed": r"(random_?)?(seed|state|random_?state)|(?:rng|prng)_?key",
    "rng": r"(?:np_?|my_?)?rng|prng|(?:random_?)?generator|rs",
    "flag": r"(?!\w*(?:every|interval|freq))(?:verbose|print_?\w*|debug|plot\w*|shuffle|show\w*|report\w*|log\w*|"
    r"monitor\w*|evaluate\w*|quiet|"
    r"display\w*|(?:is_?|use_?)?(?:regression|classification)|is_\w+|use_\w+)",
    "in": r"n_?in|n_?x|nx|ni|n_?i|input_?(size|dim|nodes?|layer|n|neurons|units|shape|count|layer_size|features)s?|"
    r"in_?(size|dim|features|nodes)|n_?inputs?|num_?inputs?|n_?features|num_?features|inodes|inputnodes|inputs?|"
    r"n_?(?:states?|obs|visible|vis)|visible_?(?:size|dim|units)|x_?dim|(?:word|vocab)\w*_?(?:dim|size)|"
    r"(?:n|num)_?(?:words|chars|tokens|users)|(?:state|obs|observation)s?_?(?:dim|size|space)?|num_?(?:states|visible)|vocab(?:_?size)?|"
    r"d|d_?in|fan_?in|n0|n_0|features|in_?f|nin|dim|dims_?in|num_?in|size_?in|num_?input\w*|n_?input\w*|isize",
    "out": r"n_?out|n_?y|ny|no|n_?o|output_?(size|dim|nodes?|layer|n|neurons|units|shape|count|layer_size|classes)s?|"
    r"out_?(size|dim|features|nodes)|n_?outputs?|num_?outputs?|(n|num)_?class(es)?|classes|onodes|outputnodes|outputs?|"
    r"(?:n|num)_?(?:actions?|tags)|actions?(?:_?(?:dim|size|space))?|tags|k|d_?out|fan_?out|n2|n_2|labels|num_?labels|nout|num_?out|size_?out|num_?output\w*|n_?output\w*|osize|c|y_?dim|"
    r"(?:n|num)_?items",
    "hidden": r"n_?hid(den)?|n_?h\d?|nh|hidden\w*|h|h\d|d_?h|num_?hidden\w*|hid\w*|hnodes|hiddennodes|n1|n_1|n_?mid|"
    r"mid\w*|width|n_?neurons|neurons_?\w*|size_?hid\w*|units?|hsize|nhid\w*|num_?h\w*|n_?hidden\w*|n_?oc(?:ult\w*)?|[hz]_?dim|latent\w*|n_?z|"
    r"(?:n|num)_?factors|bottleneck\w*",
    "x": r"x|xs|x_?(train|batch|data|in|input|b|i|mb|set|values|sample|tr|val|valid|validation|dev|test)s?|"
    r"inputs?|input_?(data|array|vector|list|"
    r"values|batch|layer)|inputs_?list|features|batch|images?|img|row|sample|pixels|points|a|a_?0|activation|vector|"
    r"signal|entradas?|training_?inputs|train_?x|train_?inputs|feature_?\w*|observation\w*|training_?set_?inputs|col|u|data_?in|"
    r"states?|obs|s|x_?in|trainx|in_?data|train_?images|input_?values|inp",
    "y": r"y|ys|y_?(train|batch|data|true|real|b|i|mb|hot|one_?hot|target|set|values|oh|enc|tr|actual|label|val|valid|"
    r"validation|dev|test)s?|"
    r"targets?|targets_?list|labels?|t|ts|expected\w*|desired\w*|goal\w*|wanted|answers?|actual|truth|true|correct|gt|"
    r"outputs|train_?y|training_?outputs|target_?\w*|ground_?truth|sa[il]da\w*|esperad\w*|train_?labels|trainy|want\w*|expect\w*|"
    r"actions?|training_?set_?outputs|labels_?\w*|one_?hot\w*|d",
    "gain": r"returns?|rewards?|advantages?|adv|discounted\w*|r|sample_?weights?",
}
ROLES = {role: re.compile(f"(?:{words})$") for role, words in _WORDS.items()}
_CONSTRUCTOR = (
    "seed", "rng", "flag", "rate", "momentum", "decay", "epochs", "batch", "in", "hidden", "out", "sizes", "x", "y",
    "total",
)  # fmt: skip
_CALL = ("x", "y", "pairs", "epochs", "batch", "seed", "rng", "flag", "rate", "decay", "momentum", "total", "hidden",
         "sizes", "in", "out", "gain")  # fmt: skip

_PARAMETER = re.compile(
    r"(?:^|[._\[' ])(?:[wb]\d*|weights?\w*|bias(?:es)?\w*|[wb]_?\w{1,3}|theta\w*|syn\w*|params?|kernel\w*|filters?|"
    r"gamma\d*|beta\d*|w_\w+|b_\w+|synapses?\w*|wh|wo|bh|bo|coef\w*|intercept\w*|u|v)(?:\[.*)?'?\]?$",
    re.IGNORECASE,
)
_COST = re.compile(
    r"loss|cost|objective|neg(?:ative)?_?log_?lik|(?:^|_)(?:nll|mse|mae|sse|sae|rss|bce|cce|j|criterion|risk)(?:$|_|\d)|cross_?entropy|squared_?error|"
    r"half_sse|pinball|log_?cosh|kosten|verlust|zielfunktion|co[uû]t|perte|custo|perda|p[eé]rdida|perdita|poter[iy]|koszt|strata|sunshi|daijia",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(r"^_?(?:val|valid|validation|dev|test)_", re.IGNORECASE)  # but loss_val is the value of a loss


def role_of(name: str, constructor: bool = False) -> str:
    """Return the role of an argument, or ""."""
    plain = name.strip("_").lower()
    if not constructor and plain in ("n",):
        return "total"
    for role in _CONSTRUCTOR if constructor else _CALL:
        if ROLES[role].match(plain):
            return role
    return ""


def named_as_parameter(path: str) -> bool:
    """Whether a path ends in a usual name of weights or biases."""
    return _PARAMETER.search(path) is not None


def named_as_cost(name: str) -> bool:
    """Whether a function or a variable is named as what is minimised, which no cost of other examples is."""
    last = name.rpartition(".")[2]
    return _COST.search(last) is not None and _OF_OTHERS.search(last) is None


def stem(name: str) -> str:
    """Return the parameter in a gradient's name: dW1, grad_W1, W1_grad, nabla_w → w1, w1, w1, w."""
    plain = name.lower().strip("_'\"] ")
    before = r"^(?:gradient_?(?:of_)?|grad_?|delta_?|nabla_?|del_|d[cjle]_?d|d_|g_|d|g)(?=[a-z])"
    plain = re.sub(before, "", plain)
    return re.sub(r"_?(?:grads?|gradients?|error|deltas?|derivative|update|step|prime)$", "", plain)
