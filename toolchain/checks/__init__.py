"""What can be known of a recipe before it is trained: whether it fits a device, its images, its time. Imports no torch."""
