"""Whether a training is well: numbers from its losses and previews, what they mean, and when to say so."""
