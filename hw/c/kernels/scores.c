typedef struct {
  const uint32_t *weights; /* class by class, `words` each */
  uint32_t words;
  uint32_t classes;
  int32_t inputs;
} owl_scores;

/* The scores: for every class the bits that are equal minus those that differ. */
static void owl_score(const owl_scores *layer, const uint32_t *source, int32_t *scores)
{
  const uint32_t *weights = layer->weights;
  uint32_t label;
  for (label = 0u; label < layer->classes; ++label) {
    scores[label] = layer->inputs - (2 * (int32_t)owl_mismatches(source, weights, layer->words));
    weights += layer->words;
  }
}
