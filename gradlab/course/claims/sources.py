"""What the five articles claim, in English and in their own words.

A statement is written down here once. Whether it holds is decided elsewhere, by the ``Claim`` with
its number in the lesson whose experiment it names.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradlab.arguments import one_of
from gradlab.course.claims.shown import Rows


@dataclass(frozen=True)
class Source:
    """An article.

    Args:
        name: as in ``"S1"``.
        title: its own; of S1, S3 and S4, which print none, the words that name their subject.
        english: the title in English.
    """

    name: str
    title: str
    english: str


@dataclass(frozen=True)
class Statement:
    """Something that a source claims.

    Args:
        number: as in ``"S1-1"``: source, claim.
        says: the claim, in one sentence.
        original: the source's own words for it.
        experiment: the name of the experiment whose runs are to decide it.
    """

    number: str
    says: str
    original: str
    experiment: str

    @property
    def source(self) -> Source:
        """The article that says it."""
        return SOURCES[self.number.partition("-")[0]]

    def rows(self) -> Rows:
        """What is claimed, and by whom."""
        yield self.number, self.says
        yield "source", f"{self.source.title} ({self.source.english}): “{self.original}”"


SOURCES = {
    source.name: source
    for source in (
        Source(
            "S0", "梯度裁剪：在图像识别中的应用", "Gradient clipping: its use in image recognition"
        ),
        Source(
            "S1",
            "梯度裁剪在图像分类中的成功应用",
            "Gradient clipping, successfully used in image classification",
        ),
        Source(
            "S2",
            "梯度裁剪技术在目标检测中的应用",
            "The technique of gradient clipping, used in object detection",
        ),
        Source(
            "S3",
            "梯度裁剪在图像分类任务中的应用",
            "The use of gradient clipping in image classification",
        ),
        Source(
            "S4",
            "梯度裁剪在计算机视觉中的应用，从对象检测到场景理解",
            "Gradient clipping in computer vision, from object detection to scene understanding",
        ),
    )
}
"""The five articles, by name."""

STATEMENTS = {
    statement.number: statement
    for statement in (
        Statement(
            "S0-1", "A shorter feature vector keeps accuracy.", "其结果与原始图像相似", "features"
        ),
        Statement(
            "S0-2",
            "A shorter feature vector makes training more efficient: fewer parameters, less time.",
            "减小模型的参数量，提高模型的训练效率",
            "features",
        ),
        Statement(
            "S0-3",
            "Unit-length features recognise better than raw ones.",
            "由于特征向量具有固定长度，梯度裁剪可以消除不同特征图之间的混淆，使得模型对不同特征图的识别能力得到提升",
            "features",
        ),
        Statement(
            "S0-4",
            "Swapping the linear map for another, such as LSTM or ReLU, raises accuracy.",
            "使用不同的线性变换方式，如 LSTM、ReLU 等，来提升模型的分类准确率",
            "features",
        ),
        Statement(
            "S1-1",
            "Weights with a small gradient can be removed while accuracy holds.",
            "通过裁剪神经网络中的某些权重，使模型更加简洁，同时保持准确率",
            "pruning",
        ),
        Statement(
            "S1-2",
            "Pruning makes the model generalise better: the gap between train and test shrinks.",
            "以减少模型的复杂性，从而提高泛化能力",
            "pruning",
        ),
        Statement(
            "S1-3",
            "The gradient is a good measure of a weight's importance.",
            "根据权重的梯度值来判断权重的重要性",
            "pruning",
        ),
        Statement(
            "S1-4",
            "Pruning slows training down, and half precision helps.",
            "梯度裁剪可能会导致模型的训练速度减慢。为了解决这个问题，我们可以研究更高效的梯度计算方法，例如半精度计算",
            "pruning",
        ),
        Statement(
            "S1-5",
            "The printed listing prunes: it sets every weight above a threshold of 0.001 to zero.",
            "如果权重的梯度值小于阈值，则将权重设为0",
            "pruning",
        ),
        Statement(
            "S2-1",
            "Removing detections of low confidence raises detection accuracy.",
            "可以有效去除不准确检测结果和低置信度检测结果，从而提高检测精度",
            "detection",
        ),
        Statement(
            "S2-2",
            "It is fast enough for real time.",
            "计算效率较高，可以在实时性要求较高的场景中应用",
            "detection",
        ),
        Statement(
            "S2-3",
            "Accumulating gradients helps.",
            "将特征图逐渐累积，形成更丰富的表示",
            "detection",
        ),
        Statement(
            "S2-4",
            "On a data set of faces, accuracy and speed both improve clearly.",
            "实验结果表明，使用梯度裁剪技术可以显著提高目标检测的准确率和速度",
            "detection",
        ),
        Statement(
            "S3-1",
            "Clipping stops the explosion of gradients.",
            "不让梯度的模长超过一定范围，从而防止梯度爆炸",
            "thresholds",
        ),
        Statement(
            "S3-2", "Clipping reduces over-fitting.", "可以在一定程度上抑制过拟合现象", "thresholds"
        ),
        Statement(
            "S3-3",
            "λ = 1 means no clipping at all.",
            "推荐选择$\\lambda=1$，即没有任何裁剪",
            "thresholds",
        ),
        Statement(
            "S3-4",
            "A small λ converges slowly.",
            "如果$\\lambda$较小，那么可能会导致网络的收敛非常缓慢",
            "thresholds",
        ),
        Statement(
            "S3-5",
            "A larger λ learns more slowly and ends slightly more accurate.",
            "裁剪系数越大，准确率可能会稍微提升，但是学习速度也会慢一些",
            "thresholds",
        ),
        Statement(
            "S3-6",
            "More iterations converge faster, and may cost a little accuracy.",
            "迭代次数越多，收敛速度越快，但是准确率可能会稍微下降",
            "thresholds",
        ),
        Statement(
            "S3-7",
            "The printed table: the number of iterations T matters far more than λ.",
            "准确率仅达到71%左右，而进行1000次迭代并且裁剪系数为1的梯度裁剪效果较好，准确率达到79%以上",
            "thresholds",
        ),
        Statement(
            "S3-8",
            "A sliding average makes a model generalise better, and goes along with clipping.",
            "通过使用滑动平均，可以提升模型的泛化能力",
            "averaging",
        ),
        Statement(
            "S3-9",
            "Training with random flips beats training without.",
            "使用随机水平翻转增强后的图像训练模型，其准确率高于使用原始图像训练的模型",
            "averaging",
        ),
        Statement(
            "S3-10",
            "Training with random crops slightly beats training without.",
            "使用随机裁剪增强后的图像训练模型，其准确率略高于使用原始图像训练的模型",
            "averaging",
        ),
        Statement(
            "S4-1",
            "Clipping by value stabilises training.",
            "它可以帮助训练更稳定的神经网络模型",
            "scenes",
        ),
        Statement(
            "S4-2",
            "Clipping prevents vanishing gradients too.",
            "从而避免梯度爆炸和梯度消失的问题",
            "thresholds",
        ),
        Statement(
            "S4-3",
            "A detector trained with clipping detects better.",
            "这可以帮助训练更稳定的神经网络模型，从而提高检测性能",
            "detection",
        ),
        Statement(
            "S4-4",
            "RNN, CRNN and Transformer models for scenes train better with clipping.",
            "梯度裁剪可以帮助训练更稳定的模型，从而提高场景理解性能",
            "scenes",
        ),
        Statement(
            "S4-5",
            "Clipping limits what the model can learn.",
            "它限制了梯度的范围，从而可能导致模型无法学习到一些复杂的结构",
            "scenes",
        ),
        Statement(
            "S4-6",
            "Clipping can itself make training numerically unstable.",
            "梯度裁剪可能会导致训练过程中的数值不稳定",
            "scenes",
        ),
        Statement(
            "S4-7",
            "Clipping combines with Adam and RMSProp, to better effect.",
            "这些优化技术可以相互组合，以获得更好的性能",
            "thresholds",
        ),
    )
}
"""All that they claim, by number."""


def statement(number: str) -> Statement:
    """The statement of that number.

    Raises:
        ValueError: there is none.

    >>> statement("S3-3").says
    'λ = 1 means no clipping at all.'
    """
    one_of("number", number, STATEMENTS)
    return STATEMENTS[number]
