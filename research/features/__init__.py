"""Features: what they are (catalogue), how they are computed (nodes, plan), and the stream."""
