"""What the functions of a snippet pass to one another, read from its syntax trees."""

import ast
from functools import cache, partial

NEVER = (float("inf"),)
UNKNOWN = ast.Name("")
SCOPES = (ast.For, ast.While, ast.With, ast.FunctionDef, ast.Lambda, ast.NamedExpr)
SCOPES += (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def at(node):
    return node.lineno, node.col_offset


def literal(node):
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def called(node):
    """The name of the function that node calls, if it is a call of a plain name."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def own_functions(tree):
    """The names of functions within a function or class."""
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n is not tree}


def calls_in(tree, names):
    """The calls in tree of the functions called names, in order, but of those tree has itself."""
    names = {*names} - (own_functions(tree) if not isinstance(tree, ast.Module) else set())
    return sorted((n for n in ast.walk(tree) if called(n) in names), key=at)


def options(f):
    """{parameter: default, or None} of a function."""
    a = f.args
    places = [None] * (len(a.args) - len(a.defaults)) + a.defaults + a.kw_defaults
    return dict(zip([i.arg for i in a.args + a.kwonlyargs], places, strict=True))


def bind(call, f, caller):
    """{parameter: the expression passed}; None if what * or ** passes is not plain to see.

    ** is plain where it unpacks a name that the source of the call, caller, sets to dictionaries
    with constant keys; the values of those count as unknown.
    """
    given = dict(zip([a.arg for a in f.args.args], call.args, strict=False))
    if any(isinstance(a, ast.Starred) for a in given.values()):
        return None
    for k in call.keywords:
        keys = [k.arg] if k.arg else unpacked(k.value, caller)
        if not keys:
            return None
        given |= dict.fromkeys(keys, k.value if k.arg else UNKNOWN)
    return given


def unpacked(node, caller):
    """The keys of all dictionaries that caller assigns to the name node; None if not plain."""
    name, nodes = getattr(node, "id", None), [*ast.walk(caller)]
    sets = [n for n in nodes if isinstance(n, (ast.Assign, ast.AugAssign)) and stores(n, name)]
    keys = []
    for value in (n.value for n in sets):
        for part in (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,):
            if called(part) == "dict" and not part.args:
                keys += [k.arg for k in part.keywords]
            else:
                keys += [getattr(key, "value", None) for key in getattr(part, "keys", [None])]
    return keys if all(isinstance(key, str) for key in keys) else None


def passed(trees, helpers, constants):
    """{(helper, option): [values it ever gets]} for the options that get only constants.

    An option that a helper hands on gets what that helper gets.  A helper that is not only called
    may get anything.
    """
    values = {(name, q): set() for name, f in helpers.items() for q in options(f)}
    unknown, links = set(), []
    for name, tree in trees.items():
        calls = calls_in(tree, helpers)
        direct, theirs = {id(call.func) for call in calls}, {*helpers} - own_functions(tree)
        limit = cache(partial(written, tree))
        for node in (n for n in ast.walk(tree) if isinstance(n, ast.Name)):
            if node.id in theirs and id(node) not in direct:
                unknown |= {(node.id, q) for q in options(helpers[node.id])}
        for call in calls:
            f = helpers[called(call)]
            given = bind(call, f, tree)
            for q, default in options(f).items():
                key, node = (f.name, q), None if given is None else given.get(q, default)
                source = (name, getattr(node, "id", None))
                if node and (literal(node) or source[1] in constants):
                    values[key].add(ast.unparse(node))
                elif source in values and at(node) < limit(node.id):
                    links.append((key, source))
                else:
                    unknown.add(key)
    for key, source in links * len(links):
        values[key] |= values[source]
        unknown |= {key} if source in unknown else set()
    known = {key: sorted(v) for key, v in values.items() if v and key not in unknown}
    return {
        key: [constants[v] if v in constants else ast.literal_eval(v) for v in given]
        for key, given in known.items()
    }


def stores(node, q):
    """Whether anything within node sets the name q, be it as the parameter of a function."""
    names = (n for n in ast.walk(node) if isinstance(n, (ast.Name, ast.arg)))
    return any(
        n.arg == q if isinstance(n, ast.arg) else n.id == q and isinstance(n.ctx, ast.Store)
        for n in names
    )


def written(f, q):
    """Where in f the name q may first stand for something else than f's parameter."""
    first = NEVER
    for node in (n for n in ast.walk(f) if n is not f):
        if isinstance(node, (ast.Assign, ast.AugAssign, *SCOPES)) and stores(node, q):
            end = (node.end_lineno, node.end_col_offset)
            first = min(first, at(node) if isinstance(node, SCOPES) else end)
    return first


def reads(text, q):
    """Whether the function in text reads its parameter q before it surely sets it anew.

    That it hands q on to itself does not count.
    """
    f = ast.parse(text).body[0]
    own = [bind(call, f, f) for call in calls_in(f, [f.name])]
    handed = [id(given[q]) for given in own if given and q in given]
    for node in f.body:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == q]
        if any(isinstance(n.ctx, ast.Load) and id(n) not in handed for n in names):
            return True
        if isinstance(node, (ast.Assign, ast.AugAssign)) and stores(node, q):
            return isinstance(node, ast.AugAssign)
    return False
