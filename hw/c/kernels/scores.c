typedef struct {
  const uint32_t *weights; /* class by class, `words` each */
  uint32_t words;
  uint32_t classes;
  int32_t inputs;
} owl_scores;

/* The scores: for every class the bits that are equal minus those that differ. */
static void owl_score(const owl_scores *layer, const uint32_t *source, int32_t *scores)
{
  uint32_t label;
  for (label = 0u; label < layer->classes; ++label) {
    uint32_t differ = 0u;
    owl_count(source, &layer->weights[label * layer->words], layer->words, 1u, &differ);
    scores[label] = layer->inputs - (2 * (int32_t)differ);
  }
}
