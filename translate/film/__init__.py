"""Films: moving pictures in and out, frame after frame, and what keeps their brightness steady."""
