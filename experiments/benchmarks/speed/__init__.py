"""Saliency and integrated gradients beside torch and Captum: time, memory, and how near the limit of the device."""
