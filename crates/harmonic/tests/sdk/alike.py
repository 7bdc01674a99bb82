"""Comparison of repeated answers."""

# The two most likely tokens may swap if they are this close (in nats): batch size and cached
# prefix determine the order of summation, and so the last digits. An answer from another context
# differs by whole nats.
NEAR_TIE = 0.25


def said(choice):
    """Tokens of an answer with `top_logprobs` of 2, each with its lead over the next."""
    return [
        (token.token, token.top_logprobs[0].logprob - token.top_logprobs[1].logprob)
        for token in choice.logprobs.content
    ]


def check_alike(before, now):
    """Fails unless the answers are equal up to a near tie, after which they diverge. Returns whether
    they are equal to the end."""
    for (was, lead_before), (is_, lead_now) in zip(before, now):
        if was != is_:
            assert max(lead_before, lead_now) < NEAR_TIE, f"{before}\nbecame\n{now}"
            return False
    assert len(before) == len(now), f"{before}\nbecame\n{now}"
    return True
