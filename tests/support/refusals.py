"""Random calls: each builds something, or is refused by one error that names what is wrong."""

import keras


def built(draw, build, is_by_name, times=50):
    """Yields (name, what build(name, arguments) gives) of calls drawn; the others are refused.

    draw() gives (name, arguments), or None for no call.  is_by_name(error, name, arguments) says
    whether the text of an error names one of them.
    """
    for _ in range(times):
        keras.backend.clear_session(free_memory=False)
        if (call := draw()) is None:
            continue
        name, given = call
        refused = None
        try:
            result = build(name, given)
        except ValueError as error:
            refused = str(error)
        else:
            yield name, result
        assert refused is None or is_by_name(refused, name, given), (refused, name, given)
