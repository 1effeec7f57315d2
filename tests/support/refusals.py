"""Random calls: each builds something, or raises one error that names the mistake."""

import keras


def built(draw, build, is_by_name, times=50):
    """Yields (name, result of build(name, arguments)) of the drawn calls that succeed.

    draw() returns (name, arguments), or None for no call.  is_by_name(error, name, arguments) says
    whether the error's text names one of them.
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
