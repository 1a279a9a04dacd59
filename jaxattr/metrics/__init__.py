"""Measures of attributions: how complete, how faithful to the model, how much in agreement."""

from jaxattr.metrics._agreement import kendall_tau as kendall_tau
from jaxattr.metrics._agreement import pearson as pearson
from jaxattr.metrics._agreement import spearman as spearman
from jaxattr.metrics._completeness import completeness_gap as completeness_gap
from jaxattr.metrics._faithfulness import aopc_eraser as aopc_eraser
from jaxattr.metrics._faithfulness import aopc_samek as aopc_samek
from jaxattr.metrics._faithfulness import comprehensiveness_eraser as comprehensiveness_eraser
from jaxattr.metrics._faithfulness import log_odds_dig as log_odds_dig
from jaxattr.metrics._faithfulness import sufficiency_eraser as sufficiency_eraser
from jaxattr.metrics._rankings import most_important as most_important
from jaxattr.metrics._removal import Ranked as Ranked
from jaxattr.metrics._rows import standard_error as standard_error
