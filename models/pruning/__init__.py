"""Making a trained network smaller: heavy blocks faded out, blocks and filters removed."""
