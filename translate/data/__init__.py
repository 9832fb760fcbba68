"""Files on disk -> batches: listing, reading, checking, augmenting, pairing, sampling, loading."""
