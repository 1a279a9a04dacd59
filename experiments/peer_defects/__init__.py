"""Small inputs for which Captum and SHAP give another number than the exact one, with both numbers recorded."""
