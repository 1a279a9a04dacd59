"""Shapley values and their relatives: a score as a game among the words of a text.

Every function plays the same game: the players are positions, or groups of them, and a coalition is worth the score of
the text that keeps its players and loses the others as `perturb` says.
"""

from jaxattr.shapley._exact import banzhaf as banzhaf
from jaxattr.shapley._exact import exact as exact
from jaxattr.shapley._interactions import arch_detect as arch_detect
from jaxattr.shapley._interactions import banzhaf_index as banzhaf_index
from jaxattr.shapley._interactions import interactions as interactions
from jaxattr.shapley._interactions import k_sii as k_sii
from jaxattr.shapley._interactions import sii as sii
from jaxattr.shapley._interactions import stii as stii
from jaxattr.shapley._kernel import kernel as kernel
from jaxattr.shapley._kernel import kernel_error as kernel_error
from jaxattr.shapley._owen import halves as halves
from jaxattr.shapley._owen import merges as merges
from jaxattr.shapley._owen import owen as owen
from jaxattr.shapley._permutation import antithetic as antithetic
from jaxattr.shapley._permutation import permutation as permutation
from jaxattr.shapley._permutation import permutation_error as permutation_error
from jaxattr.shapley._permutation import stratified as stratified
from jaxattr.shapley._permutation import uniform as uniform
from jaxattr.shapley._until import Report as Report
from jaxattr.shapley._until import until as until
from jaxattr.shapley._until import until_report as until_report
