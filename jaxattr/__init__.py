"""Attribution for text models in JAX: pure function transforms over any score.

A score is a function that returns one number. A transform `T(f, *, options)` has the signature of f. A cut opens a
score at an inner value. Every docstring says what number is given to what, at what cost, and in which paper.
"""

from jaxattr import display as display
from jaxattr import effects as effects
from jaxattr import fills as fills
from jaxattr import groups as groups
from jaxattr import masks as masks
from jaxattr import metrics as metrics
from jaxattr import pooling as pooling
from jaxattr import propagation as propagation
from jaxattr import scale as scale
from jaxattr import scores as scores
from jaxattr import shapley as shapley
from jaxattr import word_paths as word_paths
from jaxattr.adaptive import integrated_gradients_to as integrated_gradients_to
from jaxattr.adaptive import nodes_used as nodes_used
from jaxattr.averages import mean_over as mean_over
from jaxattr.averages import standard_error_over as standard_error_over
from jaxattr.averages import variance_over as variance_over
from jaxattr.citations import cite as cite
from jaxattr.cutting import CutError as CutError
from jaxattr.cutting import cut as cut
from jaxattr.differences import finite_differences as finite_differences
from jaxattr.display import gallery as gallery
from jaxattr.display import merge_words as merge_words
from jaxattr.display import picture as picture
from jaxattr.display import show as show
from jaxattr.fallbacks import Fallbacks as Fallbacks
from jaxattr.fallbacks import fallbacks as fallbacks
from jaxattr.gradients import grad_wrt_embedding as grad_wrt_embedding
from jaxattr.gradients import gradient as gradient
from jaxattr.gradients import gradient_times_input as gradient_times_input
from jaxattr.hessians import integrated_hessians as integrated_hessians
from jaxattr.masks import delete as delete
from jaxattr.masks import delete_left as delete_left
from jaxattr.masks import leave_one_out as leave_one_out
from jaxattr.masks import replace as replace
from jaxattr.masks import spans as spans
from jaxattr.masks import windows as windows
from jaxattr.metrics import completeness_gap as completeness_gap
from jaxattr.noise import smooth as smooth
from jaxattr.noise import vargrad as vargrad
from jaxattr.noise import with_noise as with_noise
from jaxattr.path_methods import path_integrated_gradients as path_integrated_gradients
from jaxattr.paths import gauss_legendre as gauss_legendre
from jaxattr.paths import integrated_gradients as integrated_gradients
from jaxattr.paths import left_riemann as left_riemann
from jaxattr.paths import midpoint as midpoint
from jaxattr.paths import right_riemann as right_riemann
from jaxattr.paths import trapezoid as trapezoid
from jaxattr.perturbation import occlusion as occlusion
from jaxattr.perturbation import perturbed as perturbed
from jaxattr.propagation import NoRule as NoRule
from jaxattr.propagation import deconvnet as deconvnet
from jaxattr.propagation import deep_lift as deep_lift
from jaxattr.propagation import guided_backprop as guided_backprop
from jaxattr.propagation import lrp as lrp
from jaxattr.random_masks import rise as rise
from jaxattr.random_masks import rise_error as rise_error
from jaxattr.surrogates import cosine_kernel as cosine_kernel
from jaxattr.surrogates import lime as lime
from jaxattr.surrogates import lime_error as lime_error

__version__ = "0.1.0"
