"""A multi-layer network on MNIST: its average Jacobian beside the weights of logistic regression."""
