"""The cost of propagation: one DeepLIFT beside one gradient, and DeepSHAP beside its peers."""
