"""A body of any size whose every byte is known, so that nobody has to keep a copy to compare with."""

PIECE = 1 << 20
FILLER = bytes(i % 251 for i in range(PIECE - 8))


def piece(index):
    """The index-th MiB of the pattern. It starts with its own number, so that a lost or moved piece shows."""
    return index.to_bytes(8, "big") + FILLER


def pattern(size):
    """`size` bytes of the pattern, a piece at a time."""
    for index in range(size // PIECE):
        yield piece(index)
    if size % PIECE:
        yield piece(size // PIECE)[: size % PIECE]
