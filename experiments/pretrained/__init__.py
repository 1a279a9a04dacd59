"""A published, pre-trained classifier of film reviews, read into Flax and explained."""
