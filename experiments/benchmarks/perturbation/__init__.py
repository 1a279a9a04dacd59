"""The cost and the error of perturbation: leave-one-out and Shapley values beside Captum and SHAP."""
