"""Predict, then look: a panel, or a curve, that appears once its reader has answered.

And questions about a panel that is in view, also several that are asked in turn.
"""

from gradlab.course.prediction.asking import Asking as Asking
from gradlab.course.prediction.curve import CurvePrediction as CurvePrediction
from gradlab.course.prediction.curve import predict_curve as predict_curve
from gradlab.course.prediction.question import Prediction as Prediction
from gradlab.course.prediction.question import predict as predict
from gradlab.course.prediction.turns import InTurn as InTurn
