// stored4: four neighbours of an operand as memory has them; vec4f(x) reads them
// @swap F16 stored_f16
alias stored4 = vec4f;
