"""The systems that `trainer train --recipe` knows, by name."""

from trainer.fitting.recipe import Recipe
from trainer.fitting.run import Settings
from trainer.recipes import (
    convlstm,
    edgewatch,
    efficientnetb0_bilstm,
    efficientnetb0_gru,
    efficientnetb0_lstm,
    efficientnetb0_mean,
    inceptionv3_lstm,
    inceptionv3_lstm_binary,
    inceptionv3_simplernn_relu,
    inceptionv3_simplernn_tanh,
    lrcn,
    vgg16_lstm,
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        edgewatch.RECIPE,
        efficientnetb0_mean.RECIPE,
        efficientnetb0_gru.RECIPE,
        efficientnetb0_lstm.RECIPE,
        efficientnetb0_bilstm.RECIPE,
        convlstm.RECIPE,
        lrcn.RECIPE,
        vgg16_lstm.RECIPE,
        inceptionv3_lstm_binary.RECIPE,
        inceptionv3_lstm.RECIPE,
        inceptionv3_simplernn_tanh.RECIPE,
        inceptionv3_simplernn_relu.RECIPE,
    )
}


def network_of(settings: Settings) -> str:
    """The network that looks at a run's frames: the recipe's own, or the one in its place; empty without any."""
    return settings.network or RECIPES[settings.recipe].network
