"""The systems that `trainer train --recipe` knows, by name: one file each."""

from trainer.recipe import Recipe
from trainer.recipes import edgewatch, efficientnetb0_gru, efficientnetb0_mean

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (efficientnetb0_mean.RECIPE, efficientnetb0_gru.RECIPE, edgewatch.RECIPE)
}
