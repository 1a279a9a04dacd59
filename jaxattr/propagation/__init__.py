"""DeepLIFT, relevance propagation and their kin: tables of local linear rules for one interpreter."""

from jaxattr.propagation._deep_lift import deep_lift as deep_lift
from jaxattr.propagation._layers import alpha_beta as alpha_beta
from jaxattr.propagation._layers import epsilon as epsilon
from jaxattr.propagation._layers import gamma as gamma
from jaxattr.propagation._ledger import Entry as Entry
from jaxattr.propagation._ledger import ledger as ledger
from jaxattr.propagation._lrp import deconvnet as deconvnet
from jaxattr.propagation._lrp import guided_backprop as guided_backprop
from jaxattr.propagation._lrp import lrp as lrp
from jaxattr.propagation._rules import midpoint_slope as midpoint_slope
from jaxattr.propagation._rules import refuse as refuse
from jaxattr.propagation._tables import ATTN_LRP as ATTN_LRP
from jaxattr.propagation._tables import DECONVNET as DECONVNET
from jaxattr.propagation._tables import DEEPLIFT as DEEPLIFT
from jaxattr.propagation._tables import GUIDED as GUIDED
from jaxattr.propagation._tables import LRP_ALPHA_BETA as LRP_ALPHA_BETA
from jaxattr.propagation._tables import LRP_EPSILON as LRP_EPSILON
from jaxattr.propagation._tables import LRP_GAMMA as LRP_GAMMA
from jaxattr.propagation._tables import LRP_Z_PLUS as LRP_Z_PLUS
from jaxattr.propagation._tables import REVEAL_CANCEL as REVEAL_CANCEL
from jaxattr.propagation._tables import Rules as Rules
from jaxattr.propagation._tables import attn_lrp_rules as attn_lrp_rules
from jaxattr.propagation._tables import lrp_rules as lrp_rules
from jaxattr.propagation._values import NoRule as NoRule
from jaxattr.propagation._values import Pair as Pair
from jaxattr.propagation._values import Rule as Rule
